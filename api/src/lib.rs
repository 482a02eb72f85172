//! actix-web: `/v1` (ours), `/script`, and the routes that Bytehound 0.11 had; one error table; serves the web UI.
//!
//! A handler parses its request, asks the service, and shapes the answer; nothing is decided here about profiles.
//! What may take long (asking, and writing large answers) runs on the query actor, never on the threads that serve HTTP.
//!
//! | file | what it answers |
//! |---|---|
//! | `routes` | which path goes where: the whole table |
//! | `profiles`, `upload`, `events`, `capture` | `/v1/profiles`, and how captures come in and out |
//! | `summary`, `timeline`, `groups`, `paths`, `allocations`, `maps`, `backtraces` | questions to a profile; `conditions` reads their filters, `page` and `data_json` have what they share |
//! | `scripts`, `artifacts` | `/script`, and the pictures that scripts drew |
//! | `comparisons`, `comparison_json` | `/v1/comparisons` |
//! | `original` | `/list` and `/data/{id}/…`, as Bytehound 0.11 answered |
//! | `assets`, `health`, `metrics` | the web UI; `/healthz`, `/readyz`, `/v1/observe`; `/metrics` |
//! | `stream` | how long answers are sent |
//! | `access` | who is let in, and the headers that every answer carries |
//! | `request_log` | the id of every request, and how it went |
//! | `turns` | scripts, a few at a time |
//! | `errors`, `problem` | from what went wrong to a status, a code and a sentence |
//!
//! Invariants: no request ends in a panic; no text of a 5xx answer tells what only the log should know; every body is
//! bounded before it is read.

mod access;
mod allocations;
mod artifacts;
mod assets;
mod backtraces;
mod body;
mod capture;
mod comparison_json;
mod comparisons;
mod conditions;
mod data_json;
mod decoder;
mod errors;
mod events;
mod explain;
mod frame_json;
mod groups;
mod health;
mod labels;
mod maps;
mod metrics;
mod options;
mod original;
mod page;
mod parameters;
mod paths;
mod percent;
mod problem;
mod profile_json;
mod profiles;
mod request_log;
mod routes;
mod script_json;
mod scripts;
mod server;
mod state;
mod store;
mod stream;
mod summary;
mod timeline;
mod tree;
mod turns;
mod upload;

pub use actix_web::dev::ServerHandle;
pub use comparison_json::comparison_json;
pub use options::ApiOptions;
pub use original::scripts_of_query;
pub use server::server;
