//! Rhai: the objects and functions of the book over the index; graphs with plotters, flame graphs with inferno;
//! native and virtual file systems.
//!
//! [`run`] evaluates one script over some profiles, [`filter()`] one that picks allocations, a [`Console`] what a person
//! enters. Lists are plans: filters and set operations only build a `Selection`; rows are looked at when a script asks for
//! a length, an element, groups or a picture.
//!
//! | file | what a script sees of it |
//! |---|---|
//! | `globals` | `allocations()`, `data()`, `println()`, `s()`, `exit()`, … |
//! | `data`, `allocation`, `allocation_list`, `filters`, `group_list`, `map`, `map_list`, `map_filters`, `backtrace`, `comparison`, `span` | the objects |
//! | `graph` | `graph()` and its pictures |
//! | `flame` | flame graphs |
//! | `picture` | nothing: pictures for others than scripts |
//! | `native`, `sandbox` | the two environments: real files and standard output, or everything in memory |
//!
//! Invariants: a script in [`Environment::Virtual`] reaches nothing outside the profiles it was given, and every script
//! ends within its [`Limits`], whatever it does.

mod allocation;
mod allocation_list;
mod backtrace;
mod backtrace_ids;
mod comparison;
mod console;
mod data;
mod engine;
mod environment;
mod failure;
mod filter;
mod filters;
mod flame;
mod globals;
mod graph;
mod group_list;
mod library;
mod limits;
mod list;
mod map;
mod map_filters;
mod map_ids;
mod map_list;
mod memory;
mod native;
mod picture;
mod report;
mod sandbox;
mod script;
mod session;
mod span;
mod supervise;
mod text;

pub use console::Console;
pub use environment::{Environment, OutputItem, Printing, ProfileSource, Shelf};
pub use flame::{flame_graph, folded};
pub use library::Entry;
pub use limits::Limits;
pub use picture::{Detail, allocation_graph, map_graph};
pub use script::{Outcome, ScriptError, filter, filter_maps, reference, run};
