// Editing keys of the script console, as functions from one state of the text to the next.

export interface Selection {
  text: string;
  start: number;
  end: number;
}

export interface Edit {
  /** The part of the text to replace, what with, and the selection afterwards. */
  from: number;
  to: number;
  insert: string;
  start: number;
  end: number;
}

const INDENT = "    ";

/** Tab: spaces at the caret, or a deeper indent for every selected line. */
export function indent({ text, start, end }: Selection): Edit {
  if (!text.slice(start, end).includes("\n")) {
    const insert = " ".repeat(INDENT.length - ((start - lineStart(text, start)) % INDENT.length));
    return { from: start, to: end, insert, start: start + insert.length, end: start + insert.length };
  }
  return reindent({ text, start, end }, (line) => (line === "" ? line : INDENT + line));
}

/** Shift+Tab: a shallower indent for every touched line. */
export function unindent(selection: Selection): Edit {
  return reindent(selection, (line) => line.replace(/^( {1,4}|\t)/, ""));
}

/** Enter: the new line starts where this one did, deeper after an opening bracket. */
export function newline({ text, start, end }: Selection): Edit {
  const before = text.slice(lineStart(text, start), start);
  const depth = /^[ \t]*/.exec(before)?.[0] ?? "";
  const insert = `\n${depth}${/[{([]\s*$/.test(before) ? INDENT : ""}`;
  return { from: start, to: end, insert, start: start + insert.length, end: start + insert.length };
}

/** Where a line begins and ends, both counted from 1; the last line for numbers beyond. */
export function lineRange(text: string, line: number): { start: number; end: number } {
  const lines = text.split("\n");
  const index = Math.min(Math.max(line, 1), lines.length) - 1;
  const start = lines.slice(0, index).reduce((length, before) => length + before.length + 1, 0);
  return { start, end: start + (lines[index]?.length ?? 0) };
}

function reindent({ text, start, end }: Selection, change: (line: string) => string): Edit {
  const from = lineStart(text, start);
  // A selection that ends at a line's beginning does not touch that line.
  const to = lineEnd(text, end > start && text[end - 1] === "\n" ? end - 1 : end);
  const lines = text.slice(from, to).split("\n");
  const changed = lines.map(change);
  const insert = changed.join("\n");
  const firstShift = (changed[0]?.length ?? 0) - (lines[0]?.length ?? 0);
  return {
    from,
    to,
    insert,
    start: Math.max(start + firstShift, from),
    end: Math.max(end + insert.length - (to - from), from),
  };
}

function lineStart(text: string, at: number): number {
  return text.lastIndexOf("\n", at - 1) + 1;
}

function lineEnd(text: string, at: number): number {
  const found = text.indexOf("\n", at);
  return found < 0 ? text.length : found;
}
