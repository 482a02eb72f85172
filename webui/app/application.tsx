// The frame around every screen: masthead, navigation, and where the focus goes when the screen changes.

import { useEffect, useRef, useState } from "preact/hooks";
import { onTokenWanted } from "./api/token";
import { useRoute } from "./navigation";
import { TokenPrompt } from "./parts/token-prompt";
import { formatRoute, type Route } from "./route";
import { ComparisonScreen } from "./screens/comparison";
import { ConsoleScreen } from "./screens/console";
import { ProfileScreen } from "./screens/profile";
import { ProfilesScreen } from "./screens/profiles";

export function Application() {
  const route = useRoute();
  const [isTokenWanted, setTokenWanted] = useState(false);
  useEffect(() => onTokenWanted(() => setTokenWanted(true)), []);
  useFocusOnHeading(place(route));
  return (
    <>
      <a class="skip" href="#content" onClick={skipToContent}>
        Skip to the content
      </a>
      <header class="masthead">
        <a class="brand" href="#/">
          <Mark />
          Bytehound
        </a>
        <nav aria-label="Main">
          <NavLink to={{ screen: "profiles" }} current={route.screen === "profiles" || route.screen === "profile"}>
            Profiles
          </NavLink>
          <NavLink
            to={{ screen: "compare", base: [], other: [], metric: "leaked_bytes" }}
            current={route.screen === "compare"}
          >
            Compare
          </NavLink>
          <NavLink to={{ screen: "console", id: "id" in route ? route.id : null }} current={route.screen === "console"}>
            Console
          </NavLink>
        </nav>
      </header>
      <main id="content">
        {isTokenWanted ? <TokenPrompt onToken={() => setTokenWanted(false)} /> : <Screen route={route} />}
      </main>
    </>
  );
}

function Screen({ route }: { route: Route }) {
  switch (route.screen) {
    case "profiles":
      return <ProfilesScreen />;
    case "profile":
      return <ProfileScreen key={route.id} route={route} />;
    case "console":
      return <ConsoleScreen id={route.id} />;
    case "compare":
      return <ComparisonScreen route={route} />;
    case "unknown":
      return <NotFound path={route.path} />;
  }
}

function NotFound({ path }: { path: string }) {
  return (
    <section class="empty">
      <h1 tabIndex={-1}>There is nothing here</h1>
      <p>
        No page is called <code>{path}</code>. <a href="#/">All profiles</a> are one step away.
      </p>
    </section>
  );
}

function NavLink({ to, current, children }: { to: Route; current: boolean; children: string }) {
  return (
    <a href={formatRoute(to)} aria-current={current ? "page" : undefined}>
      {children}
    </a>
  );
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M4 27V19h6v-6h6V6h5v12h7v9z" />
      <path class="mark-top" d="M22 6h6v9h-6z" />
    </svg>
  );
}

/** What makes two routes different screens; sorting or zooming does not. */
function place(route: Route): string {
  return "id" in route ? `${route.screen}/${route.id}` : route.screen;
}

/** Like the loading of a page: readers of the screen hear the new heading, the keyboard starts there. */
function useFocusOnHeading(where: string): void {
  const previous = useRef(where);
  useEffect(() => {
    if (previous.current === where) return;
    previous.current = where;
    scrollTo(0, 0);
    document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
  }, [where]);
}

/** The fragment is the route here, so the link moves the focus by hand. */
function skipToContent(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>("main h1")?.focus();
}
