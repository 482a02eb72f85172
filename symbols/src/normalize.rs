//! Names that two builds of one program have in common: without hashes, numbers and places that only tell the
//! builds apart.
//!
//! The functions are pure and idempotent: normalising a normalised name gives the same name. What they do is
//! part of stored keys: a change of rules is a new [`NORM_VERSION`].

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// The version of the rules, recorded with every key that is made of normalised names.
pub const NORM_VERSION: u32 = 1;

/// Longer names are taken as they are: the rules run until nothing changes, and a made-up name may need
/// hundreds of runs.
const MAX_NAME: usize = 16 << 10;

/// What is cut out of a function's name, and what is put there.
static FUNCTION_RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    rules(&[
        // The hash of the older Rust mangling.
        (r"::h[0-9a-f]{16}$", ""),
        // Copies of a function made by the compiler: `name.part.0.isra.1`, `name() [clone .cold]`.
        (r"(?:\.(?:llvm|cold|part|constprop|isra|lto_priv)(?:\.[0-9]+)*)+$", ""),
        (r" \[clone [^\]]*\]", ""),
        // `{{closure}}` and `{closure#0}` are the old and the new spelling; the number changes with the code
        // around it.
        (r"\{+(?:shim:)?([^{}#]*?)(?:\.shim)?(?:#[0-9]+)?\}+", "{$1}"),
        // The hash of a crate in the newer mangling: `core[1f2e3d4c5b6a7988]::ptr`.
        (r"([A-Za-z0-9_])\[[0-9a-f]{8,16}\]", "$1"),
        (r"\[abi:[^\]]*\]", ""),
    ])
});

/// What is cut off the front of a source file's path.
static SOURCE_RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    rules(&[
        // The standard library, as it is shipped and as its sources are installed.
        (r"^(?:.*/)?rustc/[0-9a-f]{40}/", ""),
        (r"^.*/lib/rustlib/(?:rustc-)?src/rust/", ""),
        // A crate from a registry, one the standard library was built with, one from a checked out
        // repository.
        (r"^.*/(?:registry/src/[^/]+|rust/deps)/([^/]+?)-[0-9]+\.[0-9]+\.[0-9]+[^/]*/", "crate:$1/"),
        (r"^.*/git/checkouts/([^/]+?)-[0-9a-f]{12,16}/[0-9a-f]{7,40}/", "crate:$1/"),
    ])
});

static MODULE_RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    rules(&[
        // The file was replaced or removed while the program ran.
        (r" \(deleted\)$", ""),
        // `libfoo.so.1.2`: the version of the interface, not of the module.
        (r"\.so(?:\.[0-9]+)+$", ".so"),
        // Cargo tells builds apart by a hash: `libstd-0123456789abcdef.so`, `tests-0123456789abcdef`.
        (r"-[0-9a-f]{16}(\.so)?$", "$1"),
    ])
});

/// A function's name without the marks of its build. Give it the demangled name, if there is one.
///
/// Parameters stay: without them overloads would be one function.
pub fn function(name: &str) -> Cow<'_, str> {
    apply(&FUNCTION_RULES, name)
}

/// A source file's path without the directory that the build happened in: `library/core/src/ptr.rs`,
/// `crate:serde/src/lib.rs`. The parts `.` and `..` are resolved as far as the text allows.
pub fn source(path: &str) -> Cow<'_, str> {
    match resolve_dots(path) {
        Cow::Borrowed(path) => apply(&SOURCE_RULES, path),
        Cow::Owned(path) => Cow::Owned(apply(&SOURCE_RULES, &path).into_owned()),
    }
}

/// A module's file name without directory, version and build hash: `libc.so`, `memfd:jit`, `[vdso]`.
pub fn module(path: &str) -> Cow<'_, str> {
    let name = if path.starts_with('[') { path } else { crate::library_name(path) };
    apply(&MODULE_RULES, name)
}

struct Rule {
    pattern: Regex,
    replacement: &'static str,
}

fn rules(table: &[(&str, &'static str)]) -> Vec<Rule> {
    #[expect(
        clippy::unwrap_used,
        reason = "the patterns are constants, and every test that normalises compiles them"
    )]
    let rule = |&(pattern, replacement): &(&str, &'static str)| Rule {
        pattern: Regex::new(pattern).unwrap(),
        replacement,
    };
    table.iter().map(rule).collect()
}

/// Applies the rules until none changes anything. A rule that changes a name shortens it, so that ends.
fn apply<'a>(rules: &[Rule], name: &'a str) -> Cow<'a, str> {
    let mut name = Cow::Borrowed(name);
    if name.len() > MAX_NAME {
        return name;
    }
    loop {
        let before = name.len();
        for rule in rules {
            if let Cow::Owned(shorter) = rule.pattern.replace_all(&name, rule.replacement) {
                name = Cow::Owned(shorter);
            }
        }
        if name.len() == before {
            return name;
        }
    }
}

fn resolve_dots(path: &str) -> Cow<'_, str> {
    if !path.split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) && !path.starts_with("./") {
        return Cow::Borrowed(path);
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|&last| last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    Cow::Owned(format!("{root}{}", parts.join("/")))
}
