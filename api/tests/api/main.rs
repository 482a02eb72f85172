//! The API from outside: a real server on a port of the system's choice, and real sockets.

mod answers;
mod golden;
mod hostile;
mod problems;
mod support;
mod uploads;
