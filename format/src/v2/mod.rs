//! Version 2 of the container.

pub mod batch;
