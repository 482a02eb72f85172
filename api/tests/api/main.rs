//! The API from outside: a real server on a port of the system's choice, and real sockets.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod filters;
mod golden;
mod hostile;
mod original;
mod problems;
mod profiles;
mod questions;
mod recorded;
mod support;
mod uploads;
mod written;
