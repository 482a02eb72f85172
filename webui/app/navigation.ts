// The address bar as the only place where the current route is kept.

import { useEffect, useState } from "preact/hooks";
import { formatRoute, parseRoute, type Route } from "./route";

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = () => setHash(location.hash);
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return parseRoute(hash);
}

/** A step of its own: the browser's Back returns from it. */
export function goTo(route: Route): void {
  const address = formatRoute(route);
  if (address === location.hash) return;
  history.pushState(null, "", address);
  announce();
}

/** An adjustment of the present step, such as another sort order. */
export function adjust(route: Route): void {
  history.replaceState(null, "", formatRoute(route));
  announce();
}

/** At once, unlike the browser's own event: the next key press must already see the new route. */
function announce(): void {
  dispatchEvent(new HashChangeEvent("hashchange"));
}
