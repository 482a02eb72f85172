//! Where the things under test are.

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The executable.
pub fn bytehound() -> PathBuf {
    built("bytehound")
}

/// The capture library.
pub fn library() -> PathBuf {
    built("libbytehound.so")
}

/// The load test.
pub fn loadtest() -> PathBuf {
    built("bytehound-loadtest")
}

/// The program of the case study.
pub fn simulation() -> PathBuf {
    built("simulation")
}

/// An asynchronous program that counts what it allocates.
pub fn tokio_echo() -> PathBuf {
    built("tokio-echo")
}

/// A Rust program that brings an allocator along: one of `tests/programs/allocators`.
pub fn program_with_allocator(name: &str) -> PathBuf {
    built(name)
}

/// Captures of Bytehound 0.11, with its answers.
pub fn golden() -> PathBuf {
    root().join("tests/data/golden")
}

/// Scripts, those of the book's case study among them.
pub fn scripts() -> PathBuf {
    root().join("tests/data/scripts")
}

fn built(name: &str) -> PathBuf {
    let path = root().join("target/release").join(name);
    assert!(
        path.exists(),
        "`{}` is missing: `cargo xtask test` builds it, or `cargo xtask build`",
        path.display()
    );
    path
}
