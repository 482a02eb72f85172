//! What a length field may say before it is taken for damage.
//!
//! No memory is ever reserved because of a length field alone: bytes are held as they arrive. The limits stop a
//! damaged or hostile stream from making a reader collect gigabytes for one field.

/// Uncompressed bytes after which our writers start a new block, as 0.11 does.
pub const BLOCK_LEN: usize = 512 * 1024;

/// Uncompressed bytes of one block. Blocks with an embedded binary in one piece reach tens of megabytes in
/// practice; the largest binaries with debug information are below 1 GiB.
pub const BLOCK_LEN_MAX: usize = 1 << 30;

/// Bytes of one text. Mangled C++ names reach a few hundred kilobytes.
pub const TEXT_LEN_MAX: u64 = 16 << 20;

/// Bytes of a command line, path or environment entry. Linux allows 6 MiB of arguments by default.
pub const BYTES_LEN_MAX: u64 = 16 << 20;

/// Addresses of one backtrace. The smallest frame takes 16 bytes, so this is a stack of 256 MiB.
pub const FRAMES_MAX: u64 = 16 << 20;

/// Calls that may have removed one region. A process has at most some ten thousand mappings.
pub const SOURCES_MAX: u64 = 1 << 20;

/// Bytes of an embedded file or memory dump that a reader holds unless told otherwise.
pub const CONTENTS_LEN_MAX: u64 = 1 << 30;

/// Version 2: bytes of events that a reader holds back to put them in order, unless told otherwise. Writers mark every
/// few megabytes up to where they are complete.
pub const HELD_LEN_MAX: usize = 256 << 20;
