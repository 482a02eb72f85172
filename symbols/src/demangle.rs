//! From linker names to names that people write: Rust (both manglings) and C++.

use symbolic::common::{Language, Name, NameMangling};
use symbolic_demangle::{Demangle, DemangleOptions};

/// Longer names are left as they are: they cost more than they say.
const MAX_MANGLED: usize = 32 << 10;

/// How the compiler names the function that runs the constructors of a file's static objects.
const STATIC_INITIALISER: &str = "_GLOBAL__sub_I_";

/// What the standard library's string is called when its template is spelled out.
const STRINGS: [&str; 2] = [
    "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char>>",
    "std::basic_string<char, std::char_traits<char>, std::allocator<char>>",
];

/// Makes a linker name readable; `None` when it is not mangled, or in no way that is known.
///
/// Rust names lose their hash. C++ names get `>>` for `> >` and `std::string` for its template, and keep
/// parameters and return types; one that would be longer than 4096 characters is not demangled.
pub fn demangle(raw: &str) -> Option<String> {
    if !raw.starts_with('_') || raw.len() > MAX_MANGLED {
        return None;
    }
    let name = without_copy_mark(raw);
    match name.strip_prefix(STATIC_INITIALISER) {
        Some(first_object) => {
            let readable = demangle_name(first_object);
            Some(format!("global init {}", readable.as_deref().unwrap_or(first_object)))
        }
        None => demangle_name(name),
    }
}

fn demangle_name(name: &str) -> Option<String> {
    let in_language =
        |language| Name::new(name, NameMangling::Mangled, language).demangle(DemangleOptions::complete());
    let readable = match (in_language(Language::Cpp), in_language(Language::Rust)) {
        (Some(cpp), Some(rust)) if is_rust(name, &cpp, &rust) => rust,
        (Some(cpp), _) => cpp,
        (None, rust) => rust?,
    };
    Some(tidy(readable))
}

/// The older mangling of Rust is valid C++: what tells it apart is an escape C++ has not, or the hash at the
/// end.
fn is_rust(name: &str, cpp: &str, rust: &str) -> bool {
    let hash = cpp.strip_prefix(rust).and_then(|rest| rest.strip_prefix("::h"));
    name.contains("$LT$") || name.contains("$u") || hash.is_some_and(|hash| hash.len() == 16)
}

/// `name.isra.0`, a copy with other parameters, and `name.llvm.17`, moved between units by the optimiser, are
/// `name`.
fn without_copy_mark(name: &str) -> &str {
    [".isra.", ".llvm."]
        .iter()
        .find_map(|mark| {
            let (original, number) = name.rsplit_once(mark)?;
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_number.then_some(original)
        })
        .unwrap_or(name)
}

fn tidy(mut name: String) -> String {
    // Once is not enough: of `> > >` the first pass leaves `>> >`.
    while name.contains("> >") {
        name = name.replace("> >", ">>");
    }
    for spelled_out in STRINGS {
        if name.contains(spelled_out) {
            name = name.replace(spelled_out, "std::string");
        }
    }
    name
}
