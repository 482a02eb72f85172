//! End-to-end tests: real programs, real server, real browser; golden files.
//!
//! Here is what the tests share; the tests themselves are in `tests/tests/`, the browser's in `tests/browser/`.
//! They run what `cargo xtask build` built: `cargo xtask test` does that first.

mod built;
mod captured;
mod counted;
pub mod fuzzed;
mod preloaded;
mod program;
mod server;
mod sites;
mod streamed;
mod totals;

pub use built::{
    bytehound, golden, library, loadtest, program_with_allocator, root, scripts, simulation, tokio_echo,
};
pub use captured::{Capture, allocations_of};
pub use counted::{Run, check};
pub use preloaded::preloaded;
pub use program::{Ended, compile, compile_as, compile_with_own_allocator, run};
pub use server::Server;
pub use sites::{Site, Sites, allocations_at, functions_of, index, sites_in};
pub use streamed::{Client, Message, Streamed};
pub use totals::{Totals, totals_of};
