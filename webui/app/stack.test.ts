import { describe, expect, it } from "vitest";
import type { Frame, Stack } from "./api/types";
import { callers, headline, stackText, visibleFrames } from "./stack";

function stack(functions: Array<string | null>, stripped?: number[]): Stack {
  const frames = functions.map((name, at): Frame => ({
    function: name,
    library: "/usr/bin/app",
    address: 0x1000 + at,
    is_inline: false,
  }));
  return stripped ? { frames, stripped } : { frames };
}

describe("the frame that names a stack", () => {
  it.each([
    [["main", "app::grow", "alloc::vec::Vec<T,A>::resize", "__rust_alloc"], "app::grow"],
    [["main", "App::load()", "operator new(unsigned long)", "malloc"], "App::load()"],
    [["main", "load", "std::vector<int, std::allocator<int> >::push_back(int&&)", "malloc"], "load"],
    [["main", "load", "<alloc::string::String as core::clone::Clone>::clone"], "load"],
    [["main", "my_malloc_wrapper", "malloc"], "my_malloc_wrapper"],
    [["malloc"], "malloc"],
  ])("of %j is %s", (functions, expected) => {
    expect(headline(stack(functions))?.frame.function).toBe(expected);
  });

  it("is not the capture library, whatever the function is called", () => {
    const with_hook = stack(["main", "hook"]);
    with_hook.frames[1]!.library = "/opt/libbytehound.so";
    expect(headline(with_hook)?.frame.function).toBe("main");
  });

  it("does not exist for an empty stack", () => expect(headline(stack([]))).toBeNull());
});

describe("a stripped stack", () => {
  const stripped = stack(["_start", "std::rt::lang_start", "main", "work", "malloc"], [0, 2, 3, 4]);

  it("keeps the numbers of the whole one", () => {
    expect(visibleFrames(stripped, false).map(({ index }) => index)).toEqual([0, 2, 3, 4]);
    expect(visibleFrames(stripped, true)).toHaveLength(5);
  });

  it("lists callers nearest first", () => {
    expect(callers(stripped, 2).map(({ frame }) => frame.function)).toEqual(["main", "_start"]);
  });
});

it("a stack that nobody stripped is stripped as scripts do it", () => {
  const functions = [
    "_start",
    "std::rt::lang_start",
    "std::rt::lang_start_internal",
    "main",
    "alloc::vec::Vec<T,A>::resize",
    "malloc",
  ];
  expect(visibleFrames(stack(functions), false).map(({ index }) => index)).toEqual([0, 3, 4]);
});

it("a stack as text reads as scripts print it", () => {
  const printed = stack(["main", null]);
  printed.frames[0]!.source = "/home/me/src/main.rs";
  printed.frames[0]!.line = 12;
  expect(stackText(printed, true)).toBe("#00 [app] main [main.rs:12]\n#01 [app] 1001");
});
