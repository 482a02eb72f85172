// The token that a service asks for which can be reached over a network. It is kept for as long as the tab is open.

const KEY = "bytehound-token";

export function currentToken(): string | null {
  return typeof sessionStorage === "undefined" ? null : sessionStorage.getItem(KEY);
}

export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

/** The headers that show the token; none without one. */
export function authorization(): Record<string, string> {
  const token = currentToken();
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

const listeners = new Set<() => void>();

/** Calls back whenever the service wants a token, or another one than it got. Returns the way to stop. */
export function onTokenWanted(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** To be told of every answer: the status of some says that a token is wanted. */
export function noteStatus(status: number): void {
  if (status === 401) listeners.forEach((listener) => listener());
}
