//! Allocators that the program brings along: jemalloc, mimalloc or tcmalloc linked into it, any other `malloc` that it
//! defines itself, and libraries whose allocator's functions are called by names of its own.
//!
//! No lookup of symbols leads their callers past this library, so their entry points are detoured. They go on to
//! serve the program: what is recorded is what they were asked for, and what they gave.

mod action;
mod call;
mod families;
mod found;
mod install;

pub(crate) use call::is_within_jemalloc;
pub(crate) use install::install;
