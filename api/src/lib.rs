//! actix-web: `/v1` (ours), `/script`, and the routes that Bytehound 0.11 had; one error table; serves the web UI.
//!
//! A handler parses its request, asks the service, and shapes the answer; nothing is decided here about profiles.
//! What may take long (asking, and writing large answers) runs on the query actor, never on the threads that serve HTTP.
//!
//! | file | what it answers |
//! |---|---|
//! | `routes` | which path goes where: the whole table |
//! | `resource`, `operation`, `parameter`, `document` | a path and what its methods do, told to actix and to the OpenAPI document at once |
//! | `profiles`, `upload`, `uploads`, `admission`, `digest`, `events`, `capture` | `/v1/profiles` and `/v1/uploads`: how captures come in, whole or in parts, and out |
//! | `jobs` | `/v1/jobs`: what goes on |
//! | `question` | questions to a profile, from the request to the `answer`: `summary`, `timeline`, `groups`, `paths`, `histograms`, `allocations`, `maps`, `backtraces`; `conditions` reads their filters, `page` which part is wanted |
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
mod admission;
mod allocations;
mod answer;
mod artifacts;
mod assets;
mod backtraces;
mod body;
mod capture;
mod comparison_json;
mod comparisons;
mod conditions;
mod decoder;
mod digest;
mod document;
mod errors;
mod events;
mod explain;
mod frame_json;
mod groups;
mod health;
mod histograms;
mod jobs;
mod labels;
mod maps;
mod metrics;
mod operation;
mod options;
mod original;
mod page;
mod parameter;
mod parameters;
mod paths;
mod percent;
mod problem;
mod profile_json;
mod profiles;
mod question;
mod request_log;
mod resource;
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
mod uploads;

pub use actix_web::dev::ServerHandle;
pub use comparison_json::comparison_json;
pub use options::ApiOptions;
pub use original::scripts_of_query;
pub use server::server;
