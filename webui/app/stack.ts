// What a call stack says: which frame names it, and how each frame is written.

import type { Frame, Stack } from "./api/types";

/** Frames that hand out memory; the one that asked for it stands outside of them. */
const ALLOCATING = [
  /^_?_?(libc_)?(malloc|calloc|realloc|reallocarray|posix_memalign|aligned_alloc|memalign|valloc|pvalloc|mmap(64)?)$/,
  /^operator new/,
  /^_?_?r(ust|dl|g)_(alloc|realloc|alloc_zeroed)$/,
  /^<?(alloc|hashbrown)::/,
  /^<alloc::/,
  /^std::(__cxx11::|__1::)?(allocator|_?_?new_allocator|allocator_traits|vector|basic_string|deque|_Vector_base|__allocate)/,
  /^(__gnu_cxx::)/,
  /^_?(je_|mi_|tc_)?(malloc|calloc|realloc)$/,
];

/** Frames of Rust's runtime that say nothing about the program: what `strip()` leaves out in scripts. */
const RUNTIME = new Set([
  "core::ops::function::FnOnce::call_once",
  "core::ops::function::impls::<impl core::ops::function::FnOnce<A> for &F>::call_once",
  "std::panic::catch_unwind",
  "std::panicking::try::do_call",
  "std::panicking::try",
  "std::rt::lang_start_internal::{{closure}}",
  "std::rt::lang_start_internal",
  "std::rt::lang_start::{{closure}}",
  "std::rt::lang_start",
  "std::sys_common::backtrace::__rust_begin_short_backtrace",
]);

/** Growing a vector is the end of the story: what it calls is always the same. */
const LAST_OF_INTEREST = "alloc::vec::Vec<T,A>::resize";

export interface NumberedFrame {
  /** Position in the whole stack: stripped stacks keep the gaps visible. */
  index: number;
  frame: Frame;
}

export function visibleFrames(stack: Stack, full: boolean): NumberedFrame[] {
  const all = stack.frames.map((frame, index) => ({ index, frame }));
  if (full) return all;
  const kept = new Set(stack.stripped ?? strip(stack.frames));
  return all.filter(({ index }) => kept.has(index));
}

/** The frames that `strip()` keeps, for answers that don't name them. */
function strip(frames: Frame[]): number[] {
  const last = frames.findIndex((frame) => frame.function === LAST_OF_INTEREST);
  const end = last < 0 ? frames.length : last + 1;
  return frames.flatMap((frame, index) => (index < end && !RUNTIME.has(frame.function ?? "") ? [index] : []));
}

/** The innermost frame that is neither the allocator, nor a container growing, nor the capture library. */
export function headline(stack: Stack): NumberedFrame | null {
  const frames = visibleFrames(stack, false);
  return frames.findLast(({ frame }) => frame.function && !isAllocating(frame)) ?? frames.at(-1) ?? null;
}

/** Up to `limit` frames around the headline towards the program's entry, nearest first. */
export function callers(stack: Stack, limit: number): NumberedFrame[] {
  const named = headline(stack);
  if (!named) return [];
  return visibleFrames(stack, false)
    .filter(({ index, frame }) => index < named.index && frame.function && frame.function !== named.frame.function)
    .slice(-limit)
    .reverse();
}

export function frameName(frame: Frame): string {
  return frame.function || frame.raw_function || address(frame);
}

/** `main.rs:122`: the last part of the path is enough to read by; the tooltip has the rest. */
export function frameSource(frame: Frame): string | null {
  if (!frame.source) return null;
  const basename = frame.source.split("/").at(-1) ?? frame.source;
  return frame.line ? `${basename}:${frame.line}` : basename;
}

export function fullSource(frame: Frame): string | null {
  if (!frame.source) return null;
  return [frame.source, frame.line, frame.column].filter((part) => part !== null && part !== undefined).join(":");
}

export function libraryName(frame: Frame): string | null {
  return frame.library ? (frame.library.split("/").at(-1) ?? null) : null;
}

/** The stack as text, in the form in which scripts print it. */
export function stackText(stack: Stack, full: boolean): string {
  return visibleFrames(stack, full).map(frameText).join("\n");
}

function frameText({ index, frame }: NumberedFrame): string {
  const library = libraryName(frame);
  const source = frameSource(frame);
  const number = `#${String(index).padStart(2, "0")}`;
  return [number, library && `[${library}]`, frameName(frame), source && `[${source}]`].filter(Boolean).join(" ");
}

function isAllocating(frame: Frame): boolean {
  if (libraryName(frame)?.startsWith("libbytehound")) return true;
  const name = frame.function ?? "";
  return ALLOCATING.some((pattern) => pattern.test(name));
}

function address(frame: Frame): string {
  return typeof frame.address === "number" ? frame.address.toString(16) : frame.address.replace(/^0x/, "");
}
