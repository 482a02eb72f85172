//! Which allocators the program has, and where their functions are.

use super::action::Action;
use super::families::{Entry, FOREIGN, Family, JEMALLOC, NAMED, NEW};
use crate::detour::{self, Executable, Function, Module};
use crate::hooks;

/// An allocator's functions in one module.
pub(super) struct Allocator {
    pub(super) name: &'static str,
    pub(super) is_jemalloc: bool,
    /// The function that tells how many bytes may be used of a block.
    pub(super) usable_size: Option<u64>,
    pub(super) functions: Vec<(&'static str, Action, Function)>,
}

/// No name in the tables is longer.
const NAME_LEN_MAX: usize = 40;

/// Programs that are built with one of these have an allocator that is part of their checks.
const CHECKERS: [&str; 4] = ["__asan_init", "__tsan_init", "__msan_init", "__hwasan_init"];

/// Where functions are looked up by their names.
trait Names {
    fn find(&self, prefix: &str, name: &str) -> Option<Function>;
}

/// The allocators of the program and of its libraries. Functions may be among them twice.
pub(super) fn find_all(warnings: &mut Vec<String>) -> Vec<Allocator> {
    let executable = Executable::open();
    let mut found = executable.as_ref().map(|file| in_executable(file, warnings)).unwrap_or_default();
    in_libraries(|function| executable.as_ref().is_some_and(|file| file.holds(function)), &mut found);
    found
}

/// Names that the executable defines, as far as they may matter.
struct Defined<'a>(Vec<(&'a [u8], Function, bool)>);

impl Names for Defined<'_> {
    fn find(&self, prefix: &str, name: &str) -> Option<Function> {
        let is_it = |&&(symbol, _, is_global): &&(&[u8], Function, bool)| {
            // A name that anybody could think of has to be meant for others.
            (is_global || !prefix.is_empty())
                && symbol.strip_prefix(prefix.as_bytes()).is_some_and(|rest| rest == name.as_bytes())
        };
        self.0.iter().find(is_it).map(|&(_, function, _)| function)
    }
}

fn in_executable(executable: &Executable, warnings: &mut Vec<String>) -> Vec<Allocator> {
    let symbols = executable.functions(NAME_LEN_MAX).filter(|symbol| may_matter(symbol.name));
    let names = Defined(symbols.map(|symbol| (symbol.name, symbol.function, symbol.is_global)).collect());
    if CHECKERS.iter().any(|checker| names.find("", checker).is_some()) {
        warnings.push("the program's allocator is a sanitizer's, which is not recorded".into());
        return Vec::new();
    }
    let found = in_one_module(&names, true);
    if !executable.has_symbol_table() {
        warnings.extend(missing(executable, &found));
    }
    found
}

/// Texts that tell of an allocator in a program that does not say which functions it has.
const TRACES: [(&str, &[u8]); 3] =
    [("jemalloc", b"<jemalloc>"), ("mimalloc", b"mimalloc: "), ("tcmalloc", b"tcmalloc: ")];

/// What can't be recorded of a program without a symbol table.
fn missing(executable: &Executable, found: &[Allocator]) -> Option<String> {
    let traced = TRACES.iter().find(|(_, text)| executable.mentions(text)).map(|(name, _)| *name);
    match (found.is_empty(), traced) {
        (true, None) => None,
        (true, Some(name)) => {
            Some(format!("the program's {name} is not recorded: the program was stripped of its symbols"))
        }
        (false, name) => Some(format!(
            "functions of the program's {} that it does not export are not recorded: it was stripped of its symbols",
            name.unwrap_or("malloc")
        )),
    }
}

/// Whether a name is looked for in executables.
fn may_matter(name: &[u8]) -> bool {
    let begins = |prefix: &&str| name.starts_with(prefix.as_bytes());
    let mut prefixes = NAMED.iter().map(|family| family.prefix).chain(NEW.iter().map(|(prefix, _)| *prefix));
    let bare = || FOREIGN.functions.iter().chain(JEMALLOC.functions).flat_map(|list| list.iter());
    prefixes.any(|prefix| begins(&prefix))
        || bare().any(|(bare, _)| bare.as_bytes() == name)
        || name == FOREIGN.usable_size.as_bytes()
        || CHECKERS.iter().any(|checker| checker.as_bytes() == name)
}

/// `is_before_us` says that a lookup finds the module's functions before ours, so that its `malloc` is everyone's.
fn in_one_module(names: &impl Names, is_before_us: bool) -> Vec<Allocator> {
    let mut found: Vec<_> =
        NAMED.iter().chain([&JEMALLOC]).filter_map(|family| collect(family, names)).collect();
    let is_jemalloc = is_there(&JEMALLOC, names);
    if is_before_us {
        found.extend(collect(&FOREIGN, names).map(|allocator| Allocator { is_jemalloc, ..allocator }));
    }
    found
}

fn is_there(family: &Family, names: &impl Names) -> bool {
    family.marks.iter().any(|mark| names.find(family.prefix, mark).is_some())
}

fn collect(family: &'static Family, names: &impl Names) -> Option<Allocator> {
    if !is_there(family, names) {
        return None;
    }
    let own = family.functions.iter().map(|&list| (family.prefix, list));
    let operators = NEW.iter().copied().filter(|_| family.has_operators);
    let named = |(prefix, list): (&'static str, &'static [Entry])| {
        list.iter().filter_map(move |&(name, action)| Some((name, action, names.find(prefix, name)?)))
    };
    let functions = own.chain(operators).flat_map(named).collect();
    let usable_size = names.find(family.prefix, family.usable_size).map(|function| function.address);
    Some(Allocator { name: family.name, is_jemalloc: family.is_jemalloc, usable_size, functions })
}

/// Names that one module exports.
impl Names for Module {
    fn find(&self, prefix: &str, name: &str) -> Option<Function> {
        let mut buffer = [0; NAME_LEN_MAX * 2];
        let len = prefix.len() + name.len();
        buffer.get_mut(..prefix.len())?.copy_from_slice(prefix.as_bytes());
        buffer.get_mut(prefix.len()..len)?.copy_from_slice(name.as_bytes());
        self.function(buffer.get(..len)?)
    }
}

/// Libraries whose allocator has functions of its own, or whose `malloc` stands before ours.
fn in_libraries(is_known: impl Fn(Function) -> bool, found: &mut Vec<Allocator>) {
    let here: fn(&[u8]) -> bool = may_matter;
    let here = here as usize as u64;
    let mut is_before_us = true;
    for module in detour::modules() {
        is_before_us &= !module.contains(here);
        if let Some(free) = module.function(b"free").filter(|_| is_before_us) {
            hooks::note_foreign_free(free.address);
        }
        let marks = |family: &Family| family.marks.first().and_then(|mark| module.find(family.prefix, mark));
        let brought = NAMED.iter().chain([&JEMALLOC]).chain(is_before_us.then_some(&FOREIGN));
        if brought.filter_map(marks).any(|function| !is_known(function)) {
            found.extend(in_one_module(&module, is_before_us));
        }
    }
}
