//! What names look like after demangling and normalising, and which of them are noise.

use bytehound_symbols::demangle::demangle;
use bytehound_symbols::noise::{ends_stripped_backtrace, is_runtime_frame};
use bytehound_symbols::{library_name, normalize};
use proptest::prelude::*;

#[test]
fn linker_names_become_readable() {
    let table = [
        // Rust, older mangling: the hash goes.
        ("_ZN10simulation4main17h20de36374635c82cE", "simulation::main"),
        ("_ZN5alloc3vec16Vec$LT$T$C$A$GT$6resize17h7413ad6e90888867E", "alloc::vec::Vec<T,A>::resize"),
        (
            "_ZN77_$LT$alloc..raw_vec..RawVec$LT$T$C$A$GT$$u20$as$u20$core..ops..drop..Drop$GT$4drop17hd31e319ab15322a6E",
            "<alloc::raw_vec::RawVec<T,A> as core::ops::drop::Drop>::drop",
        ),
        (
            "_ZN4core3ptr46drop_in_place$LT$alloc..vec..Vec$LT$u8$GT$$GT$17h4440e4766fa57477E",
            "core::ptr::drop_in_place<alloc::vec::Vec<u8>>",
        ),
        (
            "_ZN3std2rt10lang_start28_$u7b$$u7b$closure$u7d$$u7d$17h4876a6dfee4740ccE",
            "std::rt::lang_start::{{closure}}",
        ),
        ("_ZN10simulation4main17h20de36374635c82cE.llvm.123456789", "simulation::main"),
        // Rust, newer mangling.
        ("_RNvNtCsjrHSEGnQ3l9_3std2rt19lang_start_internal", "std::rt::lang_start_internal"),
        (
            "_RNCNvNtCsjrHSEGnQ3l9_3std2rt19lang_start_internal0B5_",
            "std::rt::lang_start_internal::{closure#0}",
        ),
        (
            "_RNvXs_NtCslNYArtu3iFV_5alloc5allocNtB4_6GlobalNtNtCsgEmfK2I1SDS_4core5alloc9Allocator8allocate",
            "<alloc::alloc::Global as core::alloc::Allocator>::allocate",
        ),
        // C++.
        ("_Znwm", "operator new(unsigned long)"),
        ("_ZN3foo3barEv", "foo::bar()"),
        ("_ZN3foo3barEv.isra.0", "foo::bar()"),
        ("_ZN3foo3barEv.isra.17", "foo::bar()"),
        (
            "_Z3fooSt6vectorIS_IiSaIiEESaIS1_EE",
            "foo(std::vector<std::vector<int, std::allocator<int>>, std::allocator<std::vector<int, std::allocator<int>>>>)",
        ),
        ("_Z3fooNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE", "foo(std::string)"),
        ("_Z3fooSs", "foo(std::string)"),
        ("_GLOBAL__sub_I__ZN3foo3barE", "global init foo::bar"),
        ("_GLOBAL__sub_I_main", "global init main"),
    ];
    for (raw, readable) in table {
        assert_eq!(demangle(raw).as_deref(), Some(readable), "{raw}");
    }
}

#[test]
fn names_that_are_not_mangled_are_left_alone() {
    for raw in ["main", "", "_", "__libc_start_main", "_start", "_ZN3foo", "_R", "a b", "ZN3foo3barEv", "_é"]
    {
        assert_eq!(demangle(raw), None, "{raw}");
    }
    assert_eq!(demangle(&format!("_ZN{}", "1a".repeat(1 << 20))), None);
}

#[test]
fn names_that_nest_without_end_do_no_harm() {
    for start in ["_Z1f", "_ZN", "_RNv", "_RINv"] {
        for piece in ["P", "I", "N", "NvM", "X", "1aI", "DpT", "RS", "St6vectorI", "F", "$LT$", "<", "{"] {
            let name = format!("{start}{}", piece.repeat(8000));
            let readable = demangle(&name);
            assert!(readable.is_none_or(|readable| readable.len() < 2 << 20), "{start} {piece}");
            let once = normalize::function(&name).into_owned();
            assert_eq!(normalize::function(&once), once);
        }
    }
}

#[test]
fn two_builds_of_a_function_have_one_name() {
    let table = [
        ("simulation::main", "simulation::main"),
        ("simulation::main::h20de36374635c82c", "simulation::main"),
        ("std::rt::lang_start::{{closure}}", "std::rt::lang_start::{closure}"),
        ("std::rt::lang_start_internal::{closure#12}", "std::rt::lang_start_internal::{closure}"),
        (
            "core::ops::function::FnOnce::call_once{{vtable.shim}}",
            "core::ops::function::FnOnce::call_once{vtable}",
        ),
        ("<F as FnOnce<()>>::call_once::{shim:vtable#0}", "<F as FnOnce<()>>::call_once::{vtable}"),
        ("core[1f2e3d4c5b6a7988]::ptr::drop", "core::ptr::drop"),
        ("f(&[u8; 16])", "f(&[u8; 16])"),
        ("parse.part.0.isra.1", "parse"),
        ("parse.constprop.0", "parse"),
        ("parse.cold", "parse"),
        ("parse.llvm.9876543210", "parse"),
        ("parse.lto_priv.3.cold", "parse"),
        ("ns::parse(int) [clone .isra.0] [clone .cold]", "ns::parse(int)"),
        ("name[abi:cxx11](int)", "name(int)"),
        ("(anonymous namespace)::f()", "(anonymous namespace)::f()"),
        ("run()::{lambda(int)#2}::operator()(int) const", "run()::{lambda(int)}::operator()(int) const"),
        ("file.c", "file.c"),
    ];
    for (name, expected) in table {
        assert_eq!(normalize::function(name), expected, "{name}");
    }
}

#[test]
fn sources_lose_the_place_of_the_build() {
    let hash = "59807616e1fa2540724bfbac14d7976d7e4a3860";
    let table = [
        (format!("/rustc/{hash}/library/core/src/ptr/mod.rs"), "library/core/src/ptr/mod.rs"),
        (
            "/home/a/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/ptr/mod.rs".into(),
            "library/core/src/ptr/mod.rs",
        ),
        (
            "/root/.cargo/registry/src/index.crates.io-6f17d22bba15001f/serde_json-1.0.2/src/de.rs".into(),
            "crate:serde_json/src/de.rs",
        ),
        ("/c/registry/src/x/async-lock-3.4.0-rc.1/src/lib.rs".into(), "crate:async-lock/src/lib.rs"),
        ("/rust/deps/addr2line-0.25.1/src/frame.rs".into(), "crate:addr2line/src/frame.rs"),
        (
            "/c/git/checkouts/some-crate-0123456789abcdef/1a2b3c4/src/lib.rs".into(),
            "crate:some-crate/src/lib.rs",
        ),
        ("./csu/../sysdeps/nptl/start.h".into(), "sysdeps/nptl/start.h"),
        ("../src//main.c".into(), "../src/main.c"),
        ("/usr/include/stdio.h".into(), "/usr/include/stdio.h"),
        ("main.rs".into(), "main.rs"),
    ];
    for (path, expected) in table {
        assert_eq!(normalize::source(&path), expected, "{path}");
    }
}

#[test]
fn modules_lose_directory_version_and_hash() {
    let table = [
        ("/usr/lib/x86_64-linux-gnu/libc.so.6", "libc.so"),
        ("/usr/lib/libstdc++.so.6.0.30", "libstdc++.so"),
        ("/opt/app/server", "server"),
        ("/opt/app/server (deleted)", "server"),
        ("/memfd:jit-code (deleted)", "memfd:jit-code"),
        ("/t/debug/deps/libstd-0123456789abcdef.so", "libstd.so"),
        ("/t/debug/deps/tests-0123456789abcdef", "tests"),
        ("[vdso]", "[vdso]"),
        ("libpython3.13.so.1.0", "libpython3.13.so"),
    ];
    for (path, expected) in table {
        assert_eq!(normalize::module(path), expected, "{path}");
    }
}

#[test]
fn a_library_is_named_by_its_file() {
    assert_eq!(library_name("/usr/lib/libc.so.6"), "libc.so.6");
    assert_eq!(library_name("program"), "program");
    assert_eq!(library_name("[vdso]"), "[vdso]");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Pieces that the rules look for, put together at random, find every order in which one rule feeds
    /// another.
    #[test]
    fn normalising_twice_is_normalising_once(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..12)) {
        let name = pieces.concat();
        let once = normalize::function(&name).into_owned();
        prop_assert_eq!(&*normalize::function(&once), &once);
        let once = normalize::source(&name).into_owned();
        prop_assert_eq!(&*normalize::source(&once), &once);
        let once = normalize::module(&name).into_owned();
        prop_assert_eq!(&*normalize::module(&once), &once);
    }

    #[test]
    fn no_name_breaks_anything(name in "\\PC{0,60}", prefix in prop::sample::select(&["_ZN", "_R", "_GLOBAL__sub_I_", "<", ""][..])) {
        let name = format!("{prefix}{name}");
        let _ = demangle(&name);
        let _ = is_runtime_frame(&name);
        let _ = ends_stripped_backtrace(&name);
        let once = normalize::function(&name).into_owned();
        prop_assert_eq!(&*normalize::function(&once), &once);
    }
}

const PIECES: &[&str] = &[
    "::h0123456789abcdef",
    ".llvm.1",
    ".cold",
    ".part.0",
    " [clone .x]",
    "{",
    "}",
    "{{closure}}",
    "{closure#0}",
    "shim:",
    ".shim",
    "#1",
    "[0123456789abcdef]",
    "[abi:",
    "]",
    "a",
    "::",
    "/",
    ".",
    "..",
    "/rustc/",
    "59807616e1fa2540724bfbac14d7976d7e4a3860",
    "/registry/src/x/",
    "name-1.2.3",
    "/git/checkouts/",
    "-0123456789abcdef",
    "/1234567",
    ".so",
    ".6",
    " (deleted)",
    "[",
    "/lib/rustlib/src/rust/",
];

/// Frames between the C `main` and a program's `main`, as different compilers spell them.
const RUNTIME: &[&str] = &[
    "std::rt::lang_start",
    "std::rt::lang_start::<()>",
    "std::rt::lang_start::{{closure}}",
    "std::rt::lang_start::<()>::{closure#0}",
    "std::rt::lang_start_internal",
    "std::rt::lang_start_internal::{{closure}}",
    "std::rt::lang_start_internal::{closure#0}",
    "std::panic::catch_unwind",
    "std::panic::catch_unwind::<std::rt::lang_start_internal::{closure#0}, isize>",
    "std::panicking::try",
    "std::panicking::try::do_call",
    "std::panicking::catch_unwind::<isize, std::rt::lang_start_internal::{closure#0}>",
    "std::panicking::catch_unwind::do_call::<&dyn core::ops::function::Fn<(), Output = i32> + core::marker::Sync, i32>",
    "std::sys_common::backtrace::__rust_begin_short_backtrace",
    "std::sys::backtrace::__rust_begin_short_backtrace",
    "std::sys::backtrace::__rust_begin_short_backtrace::<fn(i32) -> i32, ()>",
    "core::ops::function::FnOnce::call_once",
    "core::ops::function::FnOnce::call_once{{vtable.shim}}",
    "core::ops::function::impls::<impl core::ops::function::FnOnce<A> for &F>::call_once",
    "<fn() as core::ops::function::FnOnce<()>>::call_once",
    "<fn() -> i32 as core::ops::function::FnOnce<()>>::call_once",
    "<std::rt::lang_start<()>::{closure#0} as core::ops::function::FnOnce<()>>::call_once::{shim:vtable#0}",
    "<&dyn core::ops::function::Fn<(), Output = i32> + core::marker::Sync as core::ops::function::FnOnce<()>>::call_once",
    "<core::panic::unwind_safe::AssertUnwindSafe<F> as core::ops::function::FnOnce<()>>::call_once",
];

#[test]
fn the_runtime_is_noise_in_every_spelling() {
    for name in RUNTIME {
        assert!(is_runtime_frame(name), "{name}");
        assert!(!ends_stripped_backtrace(name), "{name}");
    }
}

#[test]
fn the_program_is_no_noise() {
    let names = [
        "simulation::main",
        "main",
        "_start",
        "std::rt::init",
        "std::thread::spawn::<F, T>",
        "my::panic::catch_unwind",
        "std::panic::catch_unwind_me",
        "my::call_once",
        "<my::Type as my::Trait>::call_once",
        "<my::Type<core::ops::function::FnOnce<()>>>::call_once",
        "std::panic::catch_unwind::<unclosed",
        "alloc::vec::Vec<T,A>::push",
        "<alloc::vec::Vec<u8>>::push",
    ];
    for name in names {
        assert!(!is_runtime_frame(name), "{name}");
    }
}

#[test]
fn a_stripped_backtrace_ends_where_a_vector_is_resized() {
    let ends = [
        "alloc::vec::Vec<T,A>::resize",
        "<alloc::vec::Vec<u8>>::resize",
        "<alloc::vec::Vec<my::Item<u8>, A>>::resize",
    ];
    for name in ends {
        assert!(ends_stripped_backtrace(name), "{name}");
    }
    let goes_on = [
        "alloc::vec::Vec<T,A>::resize_with",
        "<alloc::vec::Vec<u8>>::resize::inner",
        "<alloc::vec::Vec<u8> as my::Resize>::resize",
        "my::alloc::vec::Vec<T,A>::resize",
        "<my::Vec<u8>>::resize",
        "alloc::vec::Vec<T,A>::extend_with",
    ];
    for name in goes_on {
        assert!(!ends_stripped_backtrace(name), "{name}");
    }
}
