//! The same program, with jemalloc under the names of the C library's functions.

#[path = "with_jemalloc.rs"]
mod program;

fn main() {
    program::main();
}
