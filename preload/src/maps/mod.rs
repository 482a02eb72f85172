//! What is mapped where: read from the kernel, told by the calls that map it, and put together from both.
//!
//! A **map** is what one call of `mmap` made, or a mapping that was found. Its parts in the kernel's list are its
//! **regions**. The kernel merges neighbours, so only our own bookkeeping says whose an address is; the hooks
//! report calls, and all bookkeeping is the writer's.
//!
//! ```text
//! hooks ─ calls ──► book: maps and regions, events at once
//! /proc ─ listing ─► what no call told of, names of files, and what is in memory
//! ```

mod apportion;
mod book;
pub(crate) mod earlier;
mod listing;
mod memory_sample;
mod names;
pub(crate) mod on;
pub(crate) mod plain;
mod reconcile;
mod regions;
mod residency;
mod steps;
#[cfg(test)]
mod tests;
mod text;
mod watch;
pub(crate) mod within;

pub(crate) use book::Sink;
pub(crate) use text::{Mapping, for_each_line, parse};
pub(crate) use watch::Watch;
