//! Bytes that nobody's compiler wrote: they may cost symbols, never the process.

use bytehound_symbols::{BinaryId, Error, SYMCACHE_VERSION, Symcache, digest, inspect};

use crate::compiled;

const PROGRAM: &str = "
static inline __attribute__((always_inline)) int twice(int number) { return 2 * number; }
struct Pair { int first; int second; };
int sum(struct Pair *pair) { return twice(pair->first) + twice(pair->second); }
int main(int count, char **arguments) { struct Pair pair = { count, **arguments }; return sum(&pair); }
";

/// A library without start-up code: a few KiB, so that every change of it can be tried.
fn small_library() -> Vec<u8> {
    compiled::c(
        PROGRAM,
        &["-g", "-O1", "-shared", "-fPIC", "-nostdlib", "-Wl,-z,noseparate-code", "-Wl,-z,max-page-size=512"],
    )
    .bytes()
}

/// Reads everything that can be read of the bytes.
fn exercise(bytes: &[u8]) {
    let _ = inspect(bytes);
    if let Ok(symcache) = digest(bytes) {
        ask_everywhere(&Symcache::parse(&symcache).unwrap());
    }
}

fn ask_everywhere(symcache: &Symcache<'_>) {
    let mut frames = Vec::new();
    for address in (0..0x4000).step_by(16).chain([u64::from(u32::MAX), u64::MAX]) {
        symcache.lookup(address, &mut frames);
        frames.clear();
    }
}

/// A small generator of numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % limit as u64) as usize
    }
}

#[test]
fn what_is_no_elf_file_is_called_so() {
    let elf = small_library();
    for bytes in [&b""[..], b"\x7f", b"\x7fEL", b"#!/bin/sh\n", b"55d000000000-55d000001000 r--p", &elf[1..]]
    {
        assert!(matches!(inspect(bytes), Err(Error::NotElf)), "{bytes:.8?}");
        assert!(matches!(digest(bytes), Err(Error::NotElf)));
    }
}

#[test]
fn object_files_and_core_dumps_are_refused() {
    let mut elf = small_library();
    for kind in [1, 4] {
        elf[16] = kind;
        assert!(matches!(inspect(&elf), Err(Error::NotLoadable { kind: found }) if found == u16::from(kind)));
    }
}

#[test]
fn every_truncation_is_an_error_or_a_smaller_answer() {
    let elf = small_library();
    let whole = inspect(&elf).unwrap();
    let mut readable = 0;
    for length in 0..elf.len() {
        let Ok(cut) = inspect(&elf[..length]) else {
            continue;
        };
        readable += 1;
        assert_eq!(cut.segments, whole.segments, "cut at {length}");
    }
    assert!(readable > elf.len() / 2, "the headers are at the start: {readable} of {}", elf.len());
    (0..elf.len()).step_by(37).for_each(|length| exercise(&elf[..length]));
}

#[test]
fn thirty_two_bits_and_big_endian_are_read() {
    for (wide, big_endian) in [(false, false), (false, true), (true, true), (true, false)] {
        let binary = inspect(&written_by_hand(wide, big_endian)).unwrap();
        assert_eq!(binary.id.as_str(), "00112233445566778899aabbccddeeff");
        let segment = binary.segments[0];
        assert_eq!((segment.file_offset, segment.address, segment.file_size), (0x1000, 0x8000, 0x20));
        assert_eq!((segment.memory_size, segment.alignment), (0x30, 0x1000));
        assert_eq!((segment.readable, segment.writable, segment.executable), (true, false, true));
    }
}

/// An ELF file of one load segment and one note, with the fields in the order of its class.
fn written_by_hand(wide: bool, big_endian: bool) -> Vec<u8> {
    let mut elf = vec![0x7f, b'E', b'L', b'F', if wide { 2 } else { 1 }, if big_endian { 2 } else { 1 }];
    elf.resize(16, 0);
    let mut put = |value: u64, size: usize| {
        let bytes = if big_endian {
            value.to_be_bytes()[8 - size..].to_vec()
        } else {
            value.to_le_bytes()[..size].to_vec()
        };
        elf.extend(bytes);
    };
    let word = if wide { 8 } else { 4 };
    let (header, entry) = if wide { (64, 56) } else { (52, 32) };
    let notes = header + 2 * entry;
    // Type, machine, version, entry point, program headers, section headers, flags, sizes and counts.
    let fields = [
        (3, 2),
        (0, 2),
        (1, 4),
        (0, word),
        (header, word),
        (0, word),
        (0, 4),
        (header, 2),
        (entry, 2),
        (2, 2),
        (0, 6),
    ];
    for (value, size) in fields {
        put(value, size);
    }
    for (kind, flags, offset, address, size, in_memory) in
        [(1, 5, 0x1000, 0x8000, 0x20, 0x30), (4, 4, notes, 0, 32, 32)]
    {
        put(kind, 4);
        if wide {
            put(flags, 4);
        }
        for value in [offset, address, address, size, in_memory] {
            put(value, word);
        }
        if !wide {
            put(flags, 4);
        }
        put(0x1000, word);
    }
    for value in [4, 16, 3] {
        put(value, 4);
    }
    elf.extend(b"GNU\0");
    elf.extend((0..16).map(|digit| digit * 0x11));
    elf
}

#[test]
fn changed_bytes_never_panic() {
    let elf = small_library();
    let mut random = Random(1);
    for _ in 0..400 {
        let mut changed = elf.clone();
        for _ in 0..=random.below(8) {
            let at = random.below(changed.len());
            changed[at] = [0, 1, 0x7f, 0x80, 0xff, random.below(256) as u8][random.below(6)];
        }
        exercise(&changed);
    }
}

#[test]
fn changed_headers_never_panic() {
    let elf = small_library();
    for at in 4..elf.len().min(600) {
        for value in [0, 0x7f, 0xff] {
            let mut changed = elf.clone();
            changed[at] = value;
            let _ = inspect(&changed);
        }
    }
}

#[test]
fn debug_information_that_nests_without_end_costs_its_lines_only() {
    // A function in a function, and an inlined call in an inlined call.
    for entry in [".byte 3", ".byte 4; .quad real + 32; .quad 16"] {
        assert!(has_nested_function(1900, entry), "deep, but possible: {entry}");
        assert!(!has_nested_function(100_000, entry), "the symbol table is left: {entry}");
    }
}

/// Whether the debug information of a program that nests `depth` times is used; its symbol always is.
fn has_nested_function(depth: usize, entry: &str) -> bool {
    let symcache = digest(&nested_functions(depth, entry)).unwrap();
    let cache = Symcache::parse(&symcache).unwrap();
    let mut frames = Vec::new();
    (0..0x10000).for_each(|address| cache.lookup(address, &mut frames));
    assert!(frames.iter().any(|frame| frame.raw_function == "real"));
    frames.iter().any(|frame| frame.raw_function == "nested")
}

/// A program whose debug information has `depth` entries, one in the other, in a function called `nested`.
fn nested_functions(depth: usize, entry: &str) -> Vec<u8> {
    // The abbreviations: a unit, a function with a name and a range, a function without, an inlined call with
    // a range.
    let source = format!(
        r#"# assembler
.text
.globl real
.type real, @function
real: .fill 64, 1, 0x90
.size real, . - real
.section .debug_abbrev,"",@progbits
.byte 1, 0x11, 1, 0x11, 0x01, 0x12, 0x07, 0, 0
.byte 2, 0x2e, 1, 0x03, 0x08, 0x11, 0x01, 0x12, 0x07, 0, 0
.byte 3, 0x2e, 1, 0, 0
.byte 4, 0x1d, 1, 0x11, 0x01, 0x12, 0x07, 0, 0
.byte 0
.section .debug_info,"",@progbits
.long end - start
start: .short 4
.long 0
.byte 8
.byte 1; .quad real; .quad 64
.byte 2; .asciz "nested"; .quad real + 32; .quad 16
.rept {depth}
{entry}
.endr
.fill {depth} + 2, 1, 0
end:
"#
    );
    compiled::c(&source, &["-shared", "-nostdlib"]).bytes()
}

#[test]
fn a_section_that_claims_to_unpack_to_terabytes_is_left_out() {
    let mut elf = compiled::c(PROGRAM, &["-g", "-gz=zlib", "-O1"]).bytes();
    // A compressed section begins with its kind (1), a zero and the size that it unpacks to.
    let is_header =
        |bytes: &[u8]| bytes[..8] == [1, 0, 0, 0, 0, 0, 0, 0] && bytes[16..24] == [1, 0, 0, 0, 0, 0, 0, 0];
    let headers: Vec<usize> =
        (0..elf.len() - 26).filter(|&at| is_header(&elf[at..]) && elf[at + 24] == 0x78).collect();
    assert!(!headers.is_empty());
    for at in headers {
        elf[at + 8..at + 16].copy_from_slice(&(1_u64 << 42).to_le_bytes());
    }
    exercise(&elf);
}

#[test]
fn a_damaged_symcache_is_refused_or_answers_less() {
    let symcache = digest(&small_library()).unwrap();
    for length in 0..symcache.len() {
        assert!(Symcache::parse(&symcache[..length]).is_err(), "cut at {length}");
    }
    for at in 0..symcache.len() {
        for bit in [0, 7] {
            let mut changed = symcache.clone();
            changed[at] ^= 1 << bit;
            match Symcache::parse(&changed) {
                Ok(cache) => ask_everywhere(&cache),
                Err(_) => assert!(at < 40 + 128, "a lookup meets damage at {at}"),
            }
        }
    }
}

#[test]
fn a_symcache_of_another_version_says_which() {
    let mut symcache = digest(&small_library()).unwrap();
    symcache[8..12].copy_from_slice(&(SYMCACHE_VERSION + 1).to_le_bytes());
    let error = Symcache::parse(&symcache).unwrap_err();
    assert!(
        matches!(error, Error::SymcacheVersion { found, .. } if found == SYMCACHE_VERSION + 1),
        "{error}"
    );
}

#[test]
fn a_symcache_out_of_step_with_memory_is_refused() {
    let mut shifted = vec![0];
    shifted.extend(digest(&small_library()).unwrap());
    let aligned = shifted.as_ptr().addr().is_multiple_of(8);
    assert_eq!(matches!(Symcache::parse(&shifted[1..]), Err(Error::MisalignedSymcache)), aligned);
}

#[test]
fn an_id_is_a_safe_file_name() {
    for text in ["c0ffee", "00", &"ab".repeat(64), &format!("x{}", "0".repeat(32))] {
        assert_eq!(BinaryId::parse(text).unwrap().to_string(), text);
    }
    let wrong = [
        "",
        "x",
        "abc",
        "C0FFEE",
        "../../etc",
        "c0ff/e",
        "x0",
        "xx",
        "c0ffeé",
        &"ab".repeat(65),
        &format!("x{}", "0".repeat(33)),
    ];
    for text in wrong {
        assert!(matches!(BinaryId::parse(text), Err(Error::InvalidBinaryId { .. })), "{text}");
    }
}
