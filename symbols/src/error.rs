//! What can go wrong between a file that should be a binary and its symbols.

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no ELF file at all; most files embedded in a capture are none.
    #[error("not an ELF file: it does not begin with `\\x7fELF`")]
    NotElf,
    /// An ELF file that no program is loaded from: an object file, a core dump.
    #[error("an ELF file of type `{kind}` is neither a program nor a shared library: give the linked binary")]
    NotLoadable {
        /// The file's `e_type`.
        kind: u16,
    },
    /// An ELF file that contradicts itself or ends too early.
    #[error("damaged ELF file, `{what}` cannot be read: take a fresh copy of the binary")]
    Damaged {
        /// The part that could not be read.
        what: &'static str,
    },
    /// The symbols of the binary could not be extracted.
    #[error("no symbols could be made of the binary: {reason}")]
    Undigestible {
        /// What the symbol reader said.
        reason: String,
    },
    /// The bytes are no symcache, or a damaged one.
    #[error("damaged symcache, `{what}` is wrong: digest the binary again")]
    DamagedSymcache {
        /// The part that is wrong.
        what: &'static str,
    },
    /// A symcache that another version of this crate made.
    #[error(
        "symcache of version `{found}`, this program reads version `{expected}`: digest the binary again"
    )]
    SymcacheVersion {
        /// The version of the bytes.
        found: u32,
        /// The version that this crate reads, [`SYMCACHE_VERSION`](crate::SYMCACHE_VERSION).
        expected: u32,
    },
    /// The bytes of a symcache start at an address that is no multiple of eight.
    #[error(
        "the symcache is not aligned to 8 bytes in memory: map the file, or copy it into an aligned buffer"
    )]
    MisalignedSymcache,
    /// A text that names no binary.
    #[error("`{text}` is no binary id: it has 2 to 128 lower-case hexadecimal digits, or `x` and 32 of them")]
    InvalidBinaryId {
        /// The text, cut to a printable length.
        text: String,
    },
}
