//! The allocators that are known by the names of their functions.

use super::action::{Action, Size, Zeroes};

/// Functions whose names have the same beginning, all of one allocator.
#[derive(Debug)]
pub(super) struct Family {
    /// What the log calls it.
    pub(super) name: &'static str,
    pub(super) prefix: &'static str,
    pub(super) functions: &'static [&'static [Entry]],
    /// The allocator is there if one of these is; each with the prefix.
    pub(super) marks: &'static [&'static str],
    /// The function that tells how many bytes may be used of a block, with the prefix.
    pub(super) usable_size: &'static str,
    pub(super) is_jemalloc: bool,
    /// Whether it brings `operator new` and `operator delete`.
    pub(super) has_operators: bool,
}

/// A function's name behind the prefix, and what it does.
pub(super) type Entry = (&'static str, Action);

const fn takes(size: usize) -> Action {
    Action::Allocates { size: Size::Argument(size), zeroes: Zeroes::Never }
}
const fn takes_zeroed(size: usize) -> Action {
    Action::Allocates { size: Size::Argument(size), zeroes: Zeroes::Always }
}
const fn takes_many(count: usize) -> Action {
    Action::Allocates { size: Size::Product(count, count + 1), zeroes: Zeroes::Never }
}
const fn takes_many_zeroed(count: usize) -> Action {
    Action::Allocates { size: Size::Product(count, count + 1), zeroes: Zeroes::Always }
}
const TAKES_TEXT: Action = Action::Allocates { size: Size::Text, zeroes: Zeroes::Never };
const STORES: Action = Action::Stores { size: Size::Argument(2) };
const fn renews(old: usize) -> Action {
    Action::Reallocates { old, size: Size::Argument(old + 1) }
}
const fn renews_many(old: usize) -> Action {
    Action::Reallocates { old, size: Size::Product(old + 1, old + 2) }
}
const fn renews_or_frees(old: usize) -> Action {
    Action::ReallocatesOrFrees { old, size: Size::Argument(old + 1) }
}
const FREES: Action = Action::Frees { block: 0 };

/// What every C library has.
const STANDARD: &[Entry] = &[
    ("malloc", takes(0)),
    ("calloc", takes_many_zeroed(0)),
    ("realloc", renews(0)),
    ("reallocarray", renews_many(0)),
    ("free", FREES),
    ("cfree", FREES),
    ("free_sized", FREES),
    ("free_aligned_sized", FREES),
    ("posix_memalign", STORES),
    ("memalign", takes(1)),
    ("aligned_alloc", takes(1)),
    ("valloc", takes(0)),
    ("pvalloc", takes(0)),
];

/// What only jemalloc has. Functions that only tell something are not detoured.
const EXTENDED: &[Entry] = &[
    ("mallocx", Action::Allocates { size: Size::Argument(0), zeroes: Zeroes::ByFlag(1) }),
    ("rallocx", renews(0)),
    ("xallocx", Action::Resizes { block: 0, size: Size::Argument(1) }),
    ("dallocx", FREES),
    ("sdallocx", FREES),
];

const MIMALLOC: &[Entry] = &[
    ("malloc", takes(0)),
    ("malloc_small", takes(0)),
    ("malloc_aligned", takes(0)),
    ("malloc_aligned_at", takes(0)),
    ("mallocn", takes_many(0)),
    ("zalloc", takes_zeroed(0)),
    ("zalloc_small", takes_zeroed(0)),
    ("zalloc_aligned", takes_zeroed(0)),
    ("zalloc_aligned_at", takes_zeroed(0)),
    ("calloc", takes_many_zeroed(0)),
    ("calloc_aligned", takes_many_zeroed(0)),
    ("calloc_aligned_at", takes_many_zeroed(0)),
    ("realloc", renews(0)),
    ("realloc_aligned", renews(0)),
    ("realloc_aligned_at", renews(0)),
    ("rezalloc", renews(0)),
    ("rezalloc_aligned", renews(0)),
    ("rezalloc_aligned_at", renews(0)),
    ("reallocf", renews_or_frees(0)),
    ("expand", renews(0)),
    ("reallocn", renews_many(0)),
    ("reallocarray", renews_many(0)),
    ("recalloc", renews_many(0)),
    ("recalloc_aligned", renews_many(0)),
    ("recalloc_aligned_at", renews_many(0)),
    ("aligned_recalloc", renews_many(0)),
    ("aligned_offset_recalloc", renews_many(0)),
    ("posix_memalign", STORES),
    ("memalign", takes(1)),
    ("aligned_alloc", takes(1)),
    ("valloc", takes(0)),
    ("pvalloc", takes(0)),
    ("strdup", TAKES_TEXT),
    ("strndup", TAKES_TEXT),
    ("realpath", TAKES_TEXT),
    ("free", FREES),
    ("free_small", FREES),
    ("free_size", FREES),
    ("free_aligned", FREES),
    ("free_size_aligned", FREES),
    ("cfree", FREES),
    ("new", takes(0)),
    ("new_nothrow", takes(0)),
    ("new_aligned", takes(0)),
    ("new_aligned_nothrow", takes(0)),
    ("new_n", takes_many(0)),
    ("new_realloc", renews(0)),
    ("new_reallocn", renews_many(0)),
    ("heap_malloc", takes(1)),
    ("heap_malloc_small", takes(1)),
    ("heap_malloc_aligned", takes(1)),
    ("heap_malloc_aligned_at", takes(1)),
    ("heap_mallocn", takes_many(1)),
    ("heap_zalloc", takes_zeroed(1)),
    ("heap_zalloc_aligned", takes_zeroed(1)),
    ("heap_zalloc_aligned_at", takes_zeroed(1)),
    ("heap_calloc", takes_many_zeroed(1)),
    ("heap_calloc_aligned", takes_many_zeroed(1)),
    ("heap_calloc_aligned_at", takes_many_zeroed(1)),
    ("heap_realloc", renews(1)),
    ("heap_realloc_aligned", renews(1)),
    ("heap_realloc_aligned_at", renews(1)),
    ("heap_rezalloc", renews(1)),
    ("heap_rezalloc_aligned", renews(1)),
    ("heap_rezalloc_aligned_at", renews(1)),
    ("heap_reallocf", renews_or_frees(1)),
    ("heap_reallocn", renews_many(1)),
    ("heap_recalloc", renews_many(1)),
    ("heap_recalloc_aligned", renews_many(1)),
    ("heap_recalloc_aligned_at", renews_many(1)),
    ("heap_strdup", TAKES_TEXT),
    ("heap_strndup", TAKES_TEXT),
    ("heap_realpath", TAKES_TEXT),
    ("heap_alloc_new", takes(1)),
    ("heap_alloc_new_n", takes_many(1)),
];

const TCMALLOC: &[Entry] = &[
    ("malloc_skip_new_handler", takes(0)),
    ("new", takes(0)),
    ("new_nothrow", takes(0)),
    ("new_aligned", takes(0)),
    ("new_aligned_nothrow", takes(0)),
    ("newarray", takes(0)),
    ("newarray_nothrow", takes(0)),
    ("newarray_aligned", takes(0)),
    ("newarray_aligned_nothrow", takes(0)),
    ("delete", FREES),
    ("delete_sized", FREES),
    ("delete_nothrow", FREES),
    ("delete_aligned", FREES),
    ("delete_aligned_nothrow", FREES),
    ("delete_sized_aligned", FREES),
    ("deletearray", FREES),
    ("deletearray_sized", FREES),
    ("deletearray_nothrow", FREES),
    ("deletearray_aligned", FREES),
    ("deletearray_aligned_nothrow", FREES),
    ("deletearray_sized_aligned", FREES),
];

/// `operator new` and `operator delete`, as compilers name them.
const OPERATORS: &[Entry] = &[
    ("m", takes(0)),
    ("mRKSt9nothrow_t", takes(0)),
    ("mSt11align_val_t", takes(0)),
    ("mSt11align_val_tRKSt9nothrow_t", takes(0)),
];

/// After these, what comes back is a block's end.
const DELETES: &[Entry] = &[
    ("Pv", FREES),
    ("Pvm", FREES),
    ("PvRKSt9nothrow_t", FREES),
    ("PvSt11align_val_t", FREES),
    ("PvmSt11align_val_t", FREES),
    ("PvSt11align_val_tRKSt9nothrow_t", FREES),
];

const STANDARD_MARKS: &[&str] = &["malloc", "calloc", "realloc", "free"];
const EXTENDED_MARKS: &[&str] = &["mallocx", "rallocx", "sdallocx", "dallocx"];
const JEMALLOC_MARKS: &[&str] = &["malloc", "free", "mallocx", "rallocx", "sdallocx"];

const fn jemalloc(prefix: &'static str) -> Family {
    Family {
        name: "jemalloc",
        prefix,
        functions: &[STANDARD, EXTENDED],
        marks: JEMALLOC_MARKS,
        usable_size: "malloc_usable_size",
        is_jemalloc: true,
        has_operators: false,
    }
}

/// jemalloc, built without a prefix.
pub(super) static JEMALLOC: Family =
    Family { marks: EXTENDED_MARKS, functions: &[EXTENDED], has_operators: true, ..jemalloc("") };

/// A `malloc` that stands before ours, whosever it is.
pub(super) static FOREIGN: Family = Family {
    name: "malloc",
    prefix: "",
    functions: &[STANDARD],
    marks: STANDARD_MARKS,
    usable_size: "malloc_usable_size",
    is_jemalloc: false,
    has_operators: false,
};

/// Allocators whose functions have names of their own.
pub(super) static NAMED: [Family; 4] = [
    jemalloc("_rjem_"),
    jemalloc("je_"),
    Family {
        name: "mimalloc",
        prefix: "mi_",
        functions: &[MIMALLOC],
        marks: &["malloc", "free", "malloc_aligned"],
        usable_size: "usable_size",
        is_jemalloc: false,
        has_operators: true,
    },
    Family {
        name: "tcmalloc",
        prefix: "tc_",
        functions: &[STANDARD, TCMALLOC],
        marks: &["malloc", "free", "new"],
        usable_size: "malloc_size",
        is_jemalloc: false,
        has_operators: true,
    },
];

/// The operators of an allocator that has them; their prefixes stand for one and for many objects.
pub(super) static NEW: [(&str, &[Entry]); 4] =
    [("_Znw", OPERATORS), ("_Zna", OPERATORS), ("_Zdl", DELETES), ("_Zda", DELETES)];
