//! From (build-id, module-relative address) to function, file, line and inline frames, through
//! `symbolic`; each binary is digested once into symcache *bytes* (the store keeps them). Names are
//! normalised here.
//!
//! The crate does no I/O: the caller brings the bytes of a binary or of a symcache, and the text of a
//! `/proc/PID/maps`. The way of one address:
//!
//! 1. [`parse_maps`] and [`inspect`] give the mappings of the program and the load segments of its binaries;
//! 2. [`AddressSpace::resolve`] turns an address into a [`Place`]: the module, and the address inside it;
//! 3. [`Symcache::lookup`] turns the address in the module into frames, innermost inlined function first,
//!    from the bytes that [`digest`](digest()) made of the binary;
//! 4. [`demangle`](mod@demangle) makes a name readable, [`normalize`] makes it comparable between two
//!    builds, and [`noise`] tells the frames that say nothing about the program.
//!
//! Binaries come from uploads, so every one of them is taken as hostile: damaged bytes are an [`Error`] or
//! fewer symbols, never a panic, and named constants bound what a file may claim. [`digest`](digest()) says
//! what is left to its caller.

mod address_space;
mod binary;
mod die_depth;
mod digest;
mod elf;
mod error;
mod line_tables;
mod maps;
mod symcache;

pub mod demangle;
pub mod noise;
pub mod normalize;

pub use address_space::{AddressSpace, Module, ModuleIndex, Place, library_name};
pub use binary::{Binary, BinaryId, LoadSegment};
pub use digest::digest;
pub use elf::inspect;
pub use error::Error;
pub use maps::{MapEntry, parse_maps};
pub use symcache::{SYMCACHE_VERSION, SymbolFrame, Symcache};
