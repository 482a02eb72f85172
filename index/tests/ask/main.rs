//! Questions to finished profiles: every planned answer against one that looks at each row, and against those of 0.11.

mod alive;
#[path = "../build/capture.rs"]
#[expect(dead_code, reason = "only what these tests write")]
mod capture;
mod comparisons;
mod extents;
mod golden;
mod large;
mod layouts;
mod map_streams;
mod maps;
mod naive;
mod opening;
mod operations;
mod profiles;
mod questions;
mod row_sets;
mod selections;
mod thread_names;
mod timelines;
