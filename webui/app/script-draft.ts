// The text of the script console: kept in the browser, so that leaving the page loses nothing.

const KEY = "current-script";

export const EXAMPLES: ReadonlyArray<readonly [name: string, source: string]> = [
  [
    "Leaks over time",
    `graph()
    .add("Leaked", allocations().only_leaked())
    .add("Temporary", allocations())
    .save();
`,
  ],
  [
    "Leaks by backtrace",
    `let groups = allocations()
    .only_leaked()
    .group_by_backtrace()
        .sort_by_size();

graph().add(groups).save();

println("Groups: {}", groups.len());
println(groups[0][0].backtrace().strip());
`,
  ],
  [
    "Totals",
    `let all = allocations();

println("Runtime: {}", data().runtime());
println("Allocations: {}", all.len());
println("Leaked: {}", all.only_leaked().len());
println("Temporary: {}", all.only_temporary().len());
`,
  ],
];

export function loadDraft(): string {
  return stored() ?? EXAMPLES[0]?.[1] ?? "";
}

/** Browsers may refuse to keep anything; the console works without. */
export function saveDraft(source: string): void {
  try {
    localStorage.setItem(KEY, source);
  } catch {
    return;
  }
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
