//! The API from outside: a real server on a port of the system's choice, and real sockets.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod access;
mod answers;
mod document;
mod escaping;
mod filters;
mod golden;
mod hostile;
mod operations;
mod original;
mod original_routes;
mod problems;
mod profiles;
mod put;
mod questions;
mod recorded;
mod scripts;
mod sessions;
mod support;
mod uploads;
mod written;
