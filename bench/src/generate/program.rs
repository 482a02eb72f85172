//! The program that never was: its modules, their functions, and which calls which.

use super::dwarf::Function;
use super::elf;

/// Bytes of machine code of a function.
pub(super) const FUNCTION_LEN: u64 = 64;
/// Calls that a function makes.
pub(super) const CALLS: u32 = 6;
/// Functions that allocate for others: the innermost frame of every stack is one of theirs.
const ALLOCATORS: u32 = 8;

const AREAS: [&str; 8] = ["render", "parse", "network", "storage", "layout", "script", "audio", "session"];
/// Every function deals with one of these. What passes through functions of one is known.
pub(super) const THINGS: [&str; 16] = [
    "cache", "tree", "buffer", "queue", "index", "page", "token", "glyph", "header", "record", "socket",
    "cursor", "symbol", "texture", "sample", "cookie",
];
const DEEDS: [&str; 8] = ["load", "insert", "update", "visit", "decode", "resize", "merge", "flush"];

/// A file that is mapped, with functions one after another.
pub(super) struct Module {
    pub(super) path: &'static str,
    /// Where it is mapped.
    pub(super) base: u64,
    pub(super) has_build_id: bool,
    /// Numbers of its functions.
    pub(super) functions: std::ops::Range<u32>,
}

/// Modules and functions.
pub(super) struct Program {
    pub(super) modules: Vec<Module>,
    functions: u32,
}

impl Program {
    /// A program that is large enough for so many stacks.
    pub(super) fn for_stacks(stacks: u32) -> Self {
        let functions = (stacks / 3).clamp(256, 16_384);
        let shares = [
            ("/opt/shop/bin/shop", 0x5555_5540_0000, true, 0, functions / 2),
            ("/opt/shop/lib/libengine.so.3", 0x7f10_0000_0000, true, functions / 2, functions * 7 / 8),
            ("/usr/lib/libplugin.so", 0x7f20_0000_0000, false, functions * 7 / 8, functions - ALLOCATORS),
            ("/usr/lib/liballoc.so.1", 0x7f30_0000_0000, true, functions - ALLOCATORS, functions),
        ];
        let module = |(path, base, has_build_id, first, end)| Module {
            path,
            base,
            has_build_id,
            functions: first..end,
        };
        Self { modules: shares.map(module).into(), functions }
    }

    /// Which function a thread begins in.
    pub(super) fn entry(&self, thread: u32) -> u32 {
        thread % 4
    }

    /// Which function a call leads to: never one that allocates for others.
    pub(super) fn callee(&self, caller: u32, call: u32) -> u32 {
        let callers = u64::from(self.functions - ALLOCATORS);
        ((u64::from(caller) * 5 + u64::from(call) * 7919 + 1) % callers) as u32
    }

    /// A function that allocates for others.
    pub(super) fn allocator(&self, number: u32) -> u32 {
        self.functions - ALLOCATORS + number % ALLOCATORS
    }

    /// Where a call of a function returns to.
    pub(super) fn return_address(&self, caller: u32, call: u32) -> u64 {
        let module = self.modules.iter().find(|module| module.functions.contains(&caller));
        let place = |module: &Module| module.base + elf::TEXT + offset(module, caller);
        module.map_or(0, place) + 7 + u64::from(call) * 9
    }

    /// As the kernel lists it.
    pub(super) fn maps(&self) -> String {
        let line = |(inode, module): (usize, &Module)| {
            let end = module.base + (elf::TEXT + offset(module, module.functions.end)).next_multiple_of(4096);
            format!("{:x}-{end:x} r-xp 00000000 08:01 {} {}\n", module.base, inode + 1, module.path)
        };
        self.modules.iter().enumerate().map(line).collect()
    }
}

impl Module {
    /// The file.
    pub(super) fn elf(&self) -> Vec<u8> {
        elf::shared_object(&self.described(), self.build_id())
    }

    fn build_id(&self) -> Option<[u8; 20]> {
        self.has_build_id.then(|| elf::build_id(self.path, &self.described()))
    }

    fn described(&self) -> Vec<Function> {
        self.functions.clone().map(|function| described(self, function)).collect()
    }
}

/// What a function deals with, as its place in [`THINGS`].
pub(super) fn thing(function: u32) -> usize {
    // Not in step with the call graph, in which neighbours are called by the same.
    (function.wrapping_mul(0x9e37_79b9) >> 28) as usize
}

fn offset(module: &Module, function: u32) -> u64 {
    u64::from(function - module.functions.start) * FUNCTION_LEN
}

fn described(module: &Module, function: u32) -> Function {
    let area = AREAS[function as usize / 64 % AREAS.len()];
    let thing = THINGS[thing(function)];
    let deed = DEEDS[function as usize % DEEDS.len()];
    Function {
        name: format!("{area}::{thing}::{deed}_{function}"),
        source: format!("src/{area}/{thing}.rs"),
        line: 10 + function % 900,
        address: elf::TEXT + offset(module, function),
        len: FUNCTION_LEN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_with_other_functions_have_other_build_ids() {
        let [small, large] = [5000, 50_000].map(Program::for_stacks);
        for (one, other) in small.modules.iter().zip(&large.modules).filter(|(one, _)| one.has_build_id) {
            assert_ne!(one.build_id(), other.build_id(), "{}", one.path);
        }
    }
}
