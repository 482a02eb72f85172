//! From an address in a running program to its source, through every step, on binaries of the machine's
//! compilers.

use bytehound_symbols::demangle::demangle;
use bytehound_symbols::noise::{ends_stripped_backtrace, is_runtime_frame};

use crate::compiled;
use bytehound_symbols::{
    AddressSpace, Binary, SymbolFrame, Symcache, digest, inspect, library_name, parse_maps,
};

/// Prints the address that `report` returns to, and then the program's maps.
const C_PROGRAM: &str = r#"#include <stdio.h>
__attribute__((noinline)) void report(void) { printf("%p\n", __builtin_return_address(0)); }
static inline __attribute__((always_inline)) void inner(void) {
    report();
    puts("maps:");
}
static inline __attribute__((always_inline)) void middle(void) {
    inner();
}
__attribute__((noinline)) void outer(void) {
    middle();
}
int main(void) {
    outer();
    FILE *maps = fopen("/proc/self/maps", "r");
    for (int c; (c = getc(maps)) != EOF;) putchar(c);
    return 0;
}
"#;

const C_REPORT: &str = r#"#include <stdio.h>
void report(void) {
    printf("%p\nmaps:\n", __builtin_return_address(0));
    FILE *maps = fopen("/proc/self/maps", "r");
    for (int c; (c = getc(maps)) != EOF;) putchar(c);
    fflush(stdout);
}
"#;

const RUST_PROGRAM: &str = r#"unsafe extern "C" { fn report(); }
struct Work<T>(T);
impl<T: Copy> Work<T> {
    #[inline(always)]
    fn inner(&self) -> T {
        unsafe { report() };
        self.0
    }
}
#[inline(never)]
fn outer(work: &Work<u32>) -> u32 {
    work.inner() + 1
}
fn main() {
    std::process::exit(outer(&Work(std::env::args().count() as u32)) as i32 - 2);
}
"#;

/// Function, file name, line and whether inlined, of each frame.
type Frame<'a> = (String, &'a str, u32, bool);

/// Runs the program and resolves the address that it prints.
fn frames_at_the_report(program: &compiled::Program, expected: &[Frame<'_>]) {
    let output = program.output();
    let (address, maps) = output.split_once("maps:\n").unwrap();
    let address = u64::from_str_radix(address.trim().trim_start_matches("0x"), 16).unwrap() - 1;

    let bytes = program.bytes();
    let binary = inspect(&bytes).unwrap();
    let path = program.path.to_str().unwrap();
    let mut known = |name: &str| (name == path).then_some(&binary);
    let space = AddressSpace::new(&parse_maps(maps), &mut known);
    let place = space.resolve(address).unwrap();
    assert_eq!((place.path, place.binary), (path, Some(&binary.id)));

    let symcache = digest(&bytes).unwrap();
    let mut frames = Vec::new();
    Symcache::parse(&symcache).unwrap().lookup(place.relative, &mut frames);
    let found: Vec<Frame<'_>> = frames.iter().map(described).collect();
    assert_eq!(found, expected);
}

fn described<'a>(frame: &'a SymbolFrame<'_>) -> Frame<'a> {
    let function = demangle(frame.raw_function).unwrap_or_else(|| frame.raw_function.to_owned());
    let source = frame.source.as_deref().map_or("", library_name);
    (function, source, frame.line.unwrap_or(0), frame.is_inline)
}

fn c_frames() -> [Frame<'static>; 3] {
    [
        ("inner".into(), "program.c", 4, true),
        ("middle".into(), "program.c", 8, true),
        ("outer".into(), "program.c", 11, false),
    ]
}

#[test]
fn inlined_functions_of_a_position_independent_program_have_their_lines() {
    frames_at_the_report(&compiled::c(C_PROGRAM, &["-g", "-O2", "-pie"]), &c_frames());
}

#[test]
fn inlined_functions_of_a_program_at_a_fixed_address_have_their_lines() {
    frames_at_the_report(&compiled::c(C_PROGRAM, &["-g", "-O2", "-no-pie"]), &c_frames());
}

#[test]
fn a_function_whose_unlikely_half_lies_elsewhere_keeps_its_name() {
    let with_an_unlikely_half = C_PROGRAM.replace("report();", "report(); if (getpid() < 2) abort();");
    let source = format!("#include <stdlib.h>\n#include <unistd.h>\n#line 1\n{with_an_unlikely_half}");
    let program = compiled::c(&source, &["-O2", "-g"]);
    assert!(
        program.bytes().windows(10).any(|name| name == b"outer.cold"),
        "the compiler left it in one piece"
    );
    frames_at_the_report(&program, &c_frames());
}

#[test]
fn compressed_debug_sections_are_read() {
    frames_at_the_report(&compiled::c(C_PROGRAM, &["-g", "-O2", "-gz=zlib"]), &c_frames());
}

#[test]
fn older_debug_information_is_read() {
    frames_at_the_report(&compiled::c(C_PROGRAM, &["-gdwarf-4", "-O2"]), &c_frames());
}

#[test]
fn a_linker_that_separates_code_by_huge_pages_does_not_mislead() {
    let program = compiled::c(C_PROGRAM, &["-g", "-O2", "-Wl,-z,max-page-size=0x200000"]);
    frames_at_the_report(&program, &c_frames());
}

#[test]
fn a_program_without_debug_information_has_the_function_that_is_really_there() {
    let program = compiled::c(C_PROGRAM, &["-O2"]);
    frames_at_the_report(&program, &[("outer".into(), "", 0, false)]);
}

#[test]
fn a_stripped_program_has_the_functions_that_it_exports() {
    let program = compiled::c(C_PROGRAM, &["-O2", "-rdynamic"]).rewritten("strip", &[]);
    frames_at_the_report(&program, &[("outer".into(), "", 0, false)]);
}

#[test]
fn a_stripped_program_that_exports_nothing_has_no_frames() {
    let program = compiled::c(C_PROGRAM, &["-g", "-O2"]).rewritten("strip", &[]);
    frames_at_the_report(&program, &[]);
}

#[test]
fn rust_of_both_manglings_has_methods_and_inlined_frames() {
    let expected = |inner: &str| {
        let outer = ("program::outer".into(), "program.rs", 12, false);
        [(inner.into(), "program.rs", 6, true), outer]
    };
    let older = compiled::rust(RUST_PROGRAM, C_REPORT, &["-O"]);
    frames_at_the_report(&older, &expected("program::Work<T>::inner"));
    let newer = compiled::rust(RUST_PROGRAM, C_REPORT, &["-O", "-Csymbol-mangling-version=v0"]);
    frames_at_the_report(&newer, &expected("<program::Work<u32>>::inner"));
}

#[test]
fn functions_that_only_the_line_tables_know_have_their_lines() {
    let frame = |function: &str, line| (function.to_owned(), "program.rs", line, false);
    let plain = RUST_PROGRAM.replace("inline(always)", "inline(never)");
    for level in ["-Cdebuginfo=line-tables-only", "-Cdebuginfo=1", "-Cdebuginfo=2"] {
        let program = compiled::rust(&plain, C_REPORT, &["-Copt-level=0", level]);
        frames_at_the_report(&program, &[frame("program::Work<T>::inner", 6)]);
    }
}

/// Prints the names of the functions on the stack when a vector gets its memory.
const RESIZING_PROGRAM: &str = r#"
use std::alloc::{GlobalAlloc, Layout, System};
struct Reporting;
unsafe impl GlobalAlloc for Reporting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() == 4242 {
            print!("{}", std::backtrace::Backtrace::force_capture());
        }
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}
#[global_allocator]
static REPORTING: Reporting = Reporting;
fn main() {
    let mut bytes: Vec<u8> = Vec::new();
    bytes.resize(4242, 1);
    std::hint::black_box(bytes);
}
"#;

#[test]
fn what_this_compiler_puts_around_a_program_is_noise() {
    for mangling in ["-Csymbol-mangling-version=v0", "-Cdebuginfo=2"] {
        for optimisation in ["-Copt-level=0", "-Copt-level=3"] {
            let program = compiled::rust(RESIZING_PROGRAM, "", &[mangling, optimisation]);
            let output = program.output();
            // `  12: name`, between lines of sources.
            let numbered = output.lines().filter_map(|line| line.trim_start().split_once(": "));
            let names = numbered.filter(|(number, _)| number.parse::<u32>().is_ok()).map(|(_, name)| name);
            let inward: Vec<&str> = names.collect::<Vec<_>>().into_iter().rev().collect();
            let start = inward.iter().position(|&name| name == "main").unwrap();
            let program_main = inward.iter().position(|&name| name == "program::main").unwrap();
            for name in &inward[start + 1..program_main] {
                assert!(is_runtime_frame(name), "{mangling} {optimisation}: {name}");
            }
            assert!(!is_runtime_frame("main") && !is_runtime_frame("program::main"));
            assert!(ends_stripped_backtrace(inward[program_main + 1]), "{}", inward[program_main + 1]);
        }
    }
}

#[test]
fn many_threads_may_ask_one_symcache() {
    let symcache = digest(&compiled::c(C_PROGRAM, &["-g", "-O2"]).bytes()).unwrap();
    let cache = Symcache::parse(&symcache).unwrap();
    let ask = || {
        let mut frames = Vec::new();
        (0..0x4000).for_each(|address| cache.lookup(address, &mut frames));
        frames
    };
    let expected = ask();
    std::thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(ask));
        for thread in threads {
            assert_eq!(thread.join().unwrap(), expected);
        }
    });
}

#[test]
fn sources_have_their_full_path() {
    let program = compiled::c(C_PROGRAM, &["-g", "-O2"]);
    let symcache = digest(&program.bytes()).unwrap();
    let directory = program.path.parent().unwrap().join("program.c");
    let cache = Symcache::parse(&symcache).unwrap();
    let mut frames = Vec::new();
    (0..0x4000).for_each(|address| cache.lookup(address, &mut frames));
    assert!(frames.iter().any(|frame| frame.source.as_deref() == directory.to_str()), "{frames:?}");
}

#[test]
fn this_very_test_finds_itself() {
    let bytes = std::fs::read("/proc/self/exe").unwrap();
    let maps = parse_maps(&std::fs::read_to_string("/proc/self/maps").unwrap());
    let path = std::fs::read_link("/proc/self/exe").unwrap();
    let binary = inspect(&bytes).unwrap();
    let space = AddressSpace::new(&maps, &mut |name| (path.to_str() == Some(name)).then_some(&binary));
    let address = this_very_test_finds_itself as fn() as usize as u64;
    let place = space.resolve(address).unwrap();

    let symcache = digest(&bytes).unwrap();
    let mut frames = Vec::new();
    Symcache::parse(&symcache).unwrap().lookup(place.relative, &mut frames);
    let frame = frames.last().unwrap();
    assert_eq!(demangle(frame.raw_function).unwrap(), "symbols::real_programs::this_very_test_finds_itself");
    assert!(frame.source.as_deref().unwrap().ends_with("tests/symbols/real_programs.rs"), "{frame:?}");
}

#[test]
fn a_build_id_identifies_a_binary_whatever_is_stripped_of_it() {
    let with = |arguments: &[&str]| compiled::c(C_PROGRAM, arguments);
    let program = with(&["-g", "-Wl,--build-id=0xC0FFEE00"]);
    let full = inspect(&program.bytes()).unwrap();
    let stripped = inspect(&program.rewritten("strip", &[]).bytes()).unwrap();
    assert_eq!((full.id.as_str(), stripped.id.as_str()), ("c0ffee00", "c0ffee00"));
    assert_eq!(full.segments.iter().filter(|segment| segment.executable).count(), 1);
}

#[test]
fn a_binary_without_a_build_id_is_known_by_its_content() {
    let bytes = compiled::c(C_PROGRAM, &["-Wl,--build-id=none"]).bytes();
    let id = |bytes: &[u8]| inspect(bytes).unwrap().id;
    assert!(id(&bytes).as_str().starts_with('x'), "{}", id(&bytes));
    assert_eq!(id(&bytes), id(&bytes.clone()));
    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert_ne!(id(&bytes), id(&changed));
}

#[test]
fn a_build_id_of_zeros_is_none() {
    let bytes = compiled::c(C_PROGRAM, &["-Wl,--build-id=0x0000000000000000"]).bytes();
    assert!(inspect(&bytes).unwrap().id.as_str().starts_with('x'));
}

#[test]
fn the_build_id_is_found_without_program_notes_and_the_segments_without_section_headers() {
    let bytes = compiled::c(C_PROGRAM, &["-Wl,--build-id=0xC0FFEE00"]).bytes();
    let expected: Binary = inspect(&bytes).unwrap();

    let mut without_sections = bytes.clone();
    without_sections[40..48].fill(0);
    without_sections[58..64].fill(0);
    assert_eq!(inspect(&without_sections).unwrap(), expected);

    let mut without_notes = bytes;
    let headers = u64::from_le_bytes(without_notes[32..40].try_into().unwrap()) as usize;
    for header in 0..usize::from(without_notes[56]) {
        let kind = &mut without_notes[headers + 56 * header..][..4];
        if kind == [4, 0, 0, 0] {
            kind.fill(0);
        }
    }
    assert_eq!(inspect(&without_notes).unwrap(), expected);
}
