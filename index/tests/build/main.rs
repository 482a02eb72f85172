//! Captures in, indexes out: what is built from real files, from hand-written streams and from random ones.

mod built;
mod capture;
mod golden;
mod hostile;
mod model;
mod properties;
mod spilling;
mod streams;
mod symbols;
