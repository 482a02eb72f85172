//! The actix actors: receiver, loader, symbolizer, indexer, query, janitor. Scheduling, back-pressure, progress,
//! supervision, cancellation; no algorithms of their own.
//!
//! ```text
//! upload ─► Receiver ─► (durable in the store) ─► Loader ─► Symbolizer ─► Indexer ─► ready
//!                                                   ▲  a panic: once more │
//!      Janitor (what nobody works on, what was found damaged) ────────────┘
//! question ─► Query ─► index, dsl
//! ```
//!
//! An upload may come in parts (`service/sessions`), and be shown while it grows (`service/live`). What goes on is listed, and
//! can be ended (`service/jobs`).
//!
//! The queue of an ingest is the catalogue: whoever begins a job has it for the time of a lease, and what nobody has is
//! taken up again. Captures share cores and memory in two lanes, so that a huge one does not hold up small ones; every
//! stage admits as many jobs as it has permits and makes the one before it wait: what is in flight is bounded, what waits
//! is on disk. Blocking work runs off the arbiters, that of an ingest on threads that give way to questions; a panic there
//! fails its job, not the service.

mod board;
mod budget;
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
mod upload;

pub use board::ProfileStatus;
pub use error::ServiceError;
pub use observe::{Counts, Observations, StageCounters, Stored};
pub use service::{Appending, JobKind, JobState, JobStatus, Options, Service, Session};
pub use upload::Upload;
