//! Captures of any size with known answers, and measurements of the index and of scripts on them.
//!
//! [`generate()`] makes up a program, its stacks and what it allocates, and writes down both the capture and what every
//! reader of it has to find.

mod generate;

pub use generate::{Answers, Group, Moment, Shape, Sums, Version, generate};
