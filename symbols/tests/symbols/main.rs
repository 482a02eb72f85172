//! The crate from outside, on binaries that the machine's compilers made and on bytes that none would make.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod address_space;
mod compiled;
mod hostile;
mod names;
mod real_programs;
