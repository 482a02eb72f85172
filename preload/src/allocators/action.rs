//! What a function does to blocks, as data. Numbers are positions of arguments.

/// What a function does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Returns a new block, or null.
    Allocates { size: Size, zeroes: Zeroes },
    /// Returns 0 and stores a new block where the first argument points, or returns an error.
    Stores { size: Size },
    /// Returns the block that the old one became; or null, and the old one stays.
    Reallocates { old: usize, size: Size },
    /// As `Reallocates`, but frees the old one if it fails.
    ReallocatesOrFrees { old: usize, size: Size },
    /// Resizes the block where it lies, as far as that goes, and returns the size that it has.
    Resizes { block: usize, size: Size },
    /// Gives the block up, if there is one.
    Frees { block: usize },
}

/// How many bytes were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Argument(usize),
    Product(usize, usize),
    /// As many as the text in the block has, with its end.
    Text,
}

/// Whether the allocator zeroes the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zeroes {
    Never,
    Always,
    /// If jemalloc's `MALLOCX_ZERO` is in this argument.
    ByFlag(usize),
}

/// jemalloc's `MALLOCX_ZERO`.
const ZERO_FLAG: usize = 0x40;

impl Action {
    /// Whether blocks that this ends would look leaked if it were not seen.
    pub(super) fn ends_blocks(self) -> bool {
        matches!(self, Self::Frees { .. } | Self::Reallocates { .. } | Self::ReallocatesOrFrees { .. })
    }
}

impl Size {
    /// `text` counts the bytes of the block's text.
    #[inline]
    pub(super) fn of(self, arguments: &[usize; 6], text: impl FnOnce() -> usize) -> usize {
        match self {
            Self::Argument(at) => argument(arguments, at),
            // On overflow the call fails, so the product is not used then.
            Self::Product(one, other) => argument(arguments, one).wrapping_mul(argument(arguments, other)),
            Self::Text => text(),
        }
    }
}

impl Zeroes {
    #[inline]
    pub(super) fn of(self, arguments: &[usize; 6]) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::ByFlag(at) => argument(arguments, at) & ZERO_FLAG != 0,
        }
    }
}

#[inline]
pub(super) fn argument(arguments: &[usize; 6], at: usize) -> usize {
    arguments.get(at).copied().unwrap_or(0)
}
