//! A real binary in a capture: its functions, inlined ones too, name the frames.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use bytehound_index::build::{add_debug_files, ingest};
use bytehound_index::{BacktraceId, Profile};
use bytehound_store::Store;
use bytehound_symbols::inspect;

use crate::built::{Built, stored};
use crate::capture::{Capture, block, id};

const SOURCE: &str = "
static inline __attribute__((always_inline)) int inner(volatile int *p) { return *p + *p; }
__attribute__((noinline)) int outer(volatile int *p) { return inner(p); }
int main(void) { int n = 1; return outer(&n); }
";
const BASE: u64 = 0x5555_0000_0000;
const PROGRAM: &str = "/opt/program";

/// A capture of the program: a stack that ends in the first instruction of `outer`.
fn capture(elf: &[u8], outer: u64) -> Vec<u8> {
    let mut maps = String::new();
    for segment in inspect(elf).expect("what gcc made").segments {
        let start = (BASE + segment.address) & !0xfff;
        let end = (BASE + segment.address + segment.file_size).next_multiple_of(0x1000);
        let execute = if segment.executable { 'x' } else { '-' };
        let offset = segment.file_offset & !0xfff;
        let line = writeln!(maps, "{start:x}-{end:x} r-{execute}p {offset:08x} 08:01 5 {PROGRAM}");
        line.expect("strings take everything");
    }
    let mut capture = Capture::new();
    capture.file("/proc/self/maps", maps.as_bytes()).file(PROGRAM, elf);
    // The return address behind a call in the first byte.
    capture.backtrace(1, &[BASE + outer + 1]).alloc(id(1), 1_010, block(0x100, 10, 1));
    capture.finish()
}

fn compile(directory: &Path) -> io::Result<(Vec<u8>, u64)> {
    let (source, program) = (directory.join("program.c"), directory.join("program"));
    fs::write(&source, SOURCE)?;
    let status = Command::new("gcc").args(["-g", "-O2", "-o"]).args([&program, &source]).status()?;
    assert!(status.success(), "gcc failed");
    let symbols = Command::new("nm").arg(&program).output()?;
    let symbols = String::from_utf8_lossy(&symbols.stdout).into_owned();
    let line = symbols.lines().find(|line| line.ends_with(" outer")).expect("a symbol `outer`");
    let address = line.split(' ').next().and_then(|digits| u64::from_str_radix(digits, 16).ok());
    Ok((fs::read(&program)?, address.expect("an address in hexadecimal")))
}

#[test]
fn frames_get_the_names_of_an_embedded_binary() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (elf, outer) = compile(directory.path()).expect("gcc and nm");
    let built = Built::of(&capture(&elf, outer));
    assert!(built.manifest.defects.is_empty(), "{:?}", built.manifest.defects);

    let frames = built.frames(0);
    let shown = |at: usize| {
        let frame = &frames[at];
        let source = built.string(frame.source).unwrap_or_default();
        let name = Path::new(&source).file_name().map(|name| name.to_string_lossy().into_owned());
        (built.string(frame.raw_function), name, frame.line, frame.is_inline, frame.address)
    };
    let text = |text: &str| Some(text.to_owned());
    let address = BASE + outer;
    assert_eq!(frames.len(), 2);
    assert_eq!(shown(0), (text("outer"), text("program.c"), 3, 0, address));
    assert_eq!(shown(1), (text("inner"), text("program.c"), 2, 1, address));
    assert_eq!(built.string(frames[0].library).as_deref(), Some("program"));
    let binary = inspect(&elf).expect("what gcc made").id;
    assert!(
        built.store.symcaches().get(&binary).expect("a store").is_some(),
        "the digest is kept for the next time"
    );
    assert_eq!(built.store.gc().expect("a store").files, 0, "as long as the profile is there");
    let profiles = built.store.catalog().list().expect("a catalogue");
    built.store.delete_profile(&profiles[0].id).expect("the only one");
    assert_eq!(built.store.gc().expect("a store").files, 1);
    assert!(built.store.symcaches().get(&binary).expect("a store").is_none());
}

#[test]
fn a_stripped_binary_gets_its_names_from_a_file_of_debug_information() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (elf, outer) = compile(directory.path()).expect("gcc and nm");
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let (whole, stripped) = (directory.path().join("program"), elsewhere.path().join("stripped"));
    let status = Command::new("strip").arg("-o").args([&stripped, &whole]).status().expect("binutils");
    assert!(status.success(), "strip failed");
    let elf_stripped = fs::read(&stripped).expect("what strip made");
    assert_eq!(inspect(&elf_stripped).ok(), inspect(&elf).ok(), "gcc here writes no build-id");
    let functions = |with_debug_file: bool| {
        let (store, id) = stored(&capture(&elf_stripped, outer));
        if with_debug_file {
            let paths = [directory.path().to_path_buf()];
            // The source file beside it is no ELF.
            assert_eq!(add_debug_files(&store, &paths).expect("a readable folder"), 1);
            let knows_less = [stripped.clone(), whole.clone()];
            assert_eq!(add_debug_files(&store, &knows_less).expect("readable files"), 0);
        }
        ingest(&store, &id, &()).expect("a capture that can be indexed");
        let profile = Profile::open(&store, &id).expect("a finished index");
        let frames = profile.backtrace(BacktraceId(0)).frames();
        frames.filter_map(|frame| frame.name().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(functions(false), Vec::<String>::new());
    assert_eq!(functions(true), ["outer", "inner"]);
}

#[test]
fn debug_files_that_are_not_there_are_an_error() {
    let store = Store::temporary().expect("a temporary directory");
    assert!(add_debug_files(&store, &["/no/such/folder".into()]).is_err());
}

#[test]
fn frames_of_generated_code_get_the_names_that_the_program_told_last() {
    let mut capture = Capture::new();
    let list = "/tmp/perf-42.map";
    capture.file(list, b"7f0000001000 100 LazyCompile:~old /a b.js:1\n");
    capture.backtrace(1, &[0x7f00_0000_1011]).alloc(id(1), 1_010, block(0x100, 10, 1));
    capture.file(list, b"7f0000001000 100 LazyCompile:~old /a b.js:1\n7f0000001000 80 JS:*new /c.js:2\n");
    capture.file("/tmp/perf-1.map", b"7f0000001000 100 of another process\n");
    let built = Built::of(&capture.finish());
    assert!(built.manifest.defects.is_empty(), "{:?}", built.manifest.defects);
    let frames = built.frames(0);
    assert_eq!(frames.len(), 1);
    assert_eq!(built.string(frames[0].function).as_deref(), Some("JS:*new /c.js:2"));
    assert_eq!(built.string(frames[0].library).as_deref(), Some("[jit]"));
    assert_eq!(frames[0].address, 0x7f00_0000_1010);
}
