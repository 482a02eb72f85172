// A text area that behaves like an editor: indentation, line numbers, a mark at the line that failed.

import { useEffect, useRef } from "preact/hooks";
import { indent, lineRange, newline, unindent, type Edit, type Selection } from "../editor";

interface EditorProps {
  source: string;
  errorLine: number | null;
  onChange: (source: string) => void;
  onRun: () => void;
}

export function ScriptEditor({ source, errorLine, onChange, onRun }: EditorProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  const leaving = useRef(false);

  const onKeyDown = (event: KeyboardEvent) => {
    const element = area.current;
    if (!element || event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      return onRun();
    }
    // After Escape, Tab moves on as everywhere else: nobody is caught in the editor.
    const free = leaving.current;
    leaving.current = event.key === "Escape";
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const edit = free && event.key === "Tab" ? null : keyEdit(event, selectionOf(element));
    if (!edit) return;
    event.preventDefault();
    apply(element, edit);
  };

  useEffect(() => {
    const element = area.current;
    if (element && errorLine !== null) revealLine(element, errorLine);
  }, [errorLine]);

  const lines = source.split("\n").length;
  return (
    <div class="editor">
      <div class="gutter" ref={gutter} aria-hidden="true">
        {Array.from({ length: lines }, (_, i) => (
          <span key={i} class={i + 1 === errorLine ? "error-line" : undefined}>
            {i + 1}
          </span>
        ))}
      </div>
      <textarea
        ref={area}
        data-testid="script-input"
        aria-label="Script"
        aria-describedby="editor-keys"
        aria-invalid={errorLine !== null}
        spellcheck={false}
        autocapitalize="off"
        autocomplete="off"
        wrap="off"
        value={source}
        onInput={(event) => onChange(event.currentTarget.value)}
        onKeyDown={onKeyDown}
        onScroll={(event) => gutter.current && (gutter.current.scrollTop = event.currentTarget.scrollTop)}
      />
    </div>
  );
}

function keyEdit(event: KeyboardEvent, selection: Selection): Edit | null {
  if (event.key === "Tab") return event.shiftKey ? unindent(selection) : indent(selection);
  return event.key === "Enter" && !event.shiftKey ? newline(selection) : null;
}

function selectionOf({ value, selectionStart, selectionEnd }: HTMLTextAreaElement): Selection {
  return { text: value, start: selectionStart, end: selectionEnd };
}

/** `insertText` is deprecated and yet the only way to change a text area so that Undo knows of it. */
function apply(element: HTMLTextAreaElement, { from, to, insert, start, end }: Edit): void {
  element.setSelectionRange(from, to);
  const done = insert === "" ? document.execCommand("delete") : document.execCommand("insertText", false, insert);
  if (!done) {
    element.setRangeText(insert, from, to);
    element.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
  element.setSelectionRange(start, end);
}

function revealLine(element: HTMLTextAreaElement, line: number): void {
  const { start, end } = lineRange(element.value, line);
  element.focus({ preventScroll: true });
  element.setSelectionRange(start, end);
  const lineHeight = parseFloat(getComputedStyle(element).lineHeight);
  const top = (line - 1) * lineHeight;
  if (top < element.scrollTop || top > element.scrollTop + element.clientHeight - lineHeight) {
    element.scrollTop = top - element.clientHeight / 2;
  }
}
