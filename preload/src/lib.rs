//! The capture library: hook → guard → unwind → per-thread ring → writer thread. It fails open: whatever goes
//! wrong, the program it lives in goes on unharmed.
//!
//! | module | what it knows |
//! |---|---|
//! | `hooks`, `real`, `control` | the table of hooks, the functions behind them, the functions that programs may call |
//! | `allocators`, `detour` | allocators that the program brings along, and how we get before their functions |
//! | `capture`, `thread`, `thread_end`, `region`, `calls` | coming in, stamping an event, and handing it to the writer |
//! | `unwind`, `published`, `unload` | walking a stack |
//! | `writer` | all rings to one order, and that to the file |
//! | `streaming` | the file to clients, while it grows |
//! | `lifecycle`, `exec`, `fork`, `handover`, `sandbox`, `signal`, `settings`, `placeholders`, `environment`, `log` | the process from its first call to its end |
//! | `maps` | what is mapped where, by whom, and how much of it is in memory |
//! | `arch`, `sys`, `clock`, `memory`, `glob` | processor, kernel, time, memory, and files |
//!
//! Rules that hold everywhere: a hook takes no lock that the program can hold, allocates nothing from the
//! program's allocator, leaves `errno` alone, and never writes to the program's stack or blocks.

mod allocators;
mod arch;
mod calls;
mod capture;
mod clock;
mod control;
mod detour;
mod environment;
mod exec;
mod fork;
mod glob;
mod handover;
mod hooks;
mod lifecycle;
mod log;
mod maps;
mod memory;
mod placeholders;
mod published;
mod real;
mod region;
mod sandbox;
mod settings;
mod signal;
mod streaming;
mod sys;
mod thread;
mod thread_end;
mod unload;
mod unwind;
mod writer;

#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: memory::Arena = memory::Arena::new();
