// Asks for the token that the service wants.

import { useEffect, useRef } from "preact/hooks";
import { keepToken } from "../api/token";

export function TokenPrompt({ onToken }: { onToken: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const enter = (event: Event) => {
    event.preventDefault();
    const token = field.current?.value.trim() ?? "";
    if (token === "") return;
    keepToken(token);
    onToken();
  };
  return (
    <form class="empty" onSubmit={enter} data-testid="token-prompt">
      <h1 tabIndex={-1}>This server asks for a token</h1>
      <p>
        <code>bytehound token create</code> makes one, where the server runs. It is kept until this tab is closed.
      </p>
      <p class="field">
        <label for="token">Token</label>
        <input id="token" ref={field} type="password" autoComplete="off" spellcheck={false} required />
        <button type="submit" class="primary">
          Enter
        </button>
      </p>
    </form>
  );
}
