//! The actix actors: receiver, loader, symbolizer, indexer, query, janitor. Scheduling, back-pressure, progress,
//! supervision, cancellation; no algorithms of their own.
//!
//! ```text
//! upload ─► Receiver ─► (durable in the store) ─► Loader ─► Symbolizer ─► Indexer ─► ready
//!                                                   ▲  a panic: once more │
//!                           Janitor (what was left unfinished) ───────────┘
//! question ─► Query ─► index, dsl
//! ```
//!
//! Every stage admits as many jobs as it has permits and makes the one before it wait: what is in flight is bounded,
//! what waits is on disk. Blocking work runs off the arbiters; a panic there fails its job, not the service.

mod board;
mod error;
mod indexer;
mod janitor;
mod job;
mod loader;
mod observe;
mod open_profiles;
mod query;
mod receiver;
mod service;
mod stage;
mod symbolizer;

pub use board::ProfileStatus;
pub use error::ServiceError;
pub use observe::{Counts, Observations, StageCounters, Stored};
pub use service::{Options, Service, Upload};
