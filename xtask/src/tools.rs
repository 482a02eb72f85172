//! What the machine has to have, and how it gets there.

use crate::shell::{program, root, run};
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program of the machine, or a library to link with, and Debian's package that brings it.
pub(crate) struct Tool {
    /// A library is told by its ending.
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

/// What the tests run: a browser, and programs to capture with the allocators that they bring along.
pub(crate) const FOR_TESTS: &[Tool] = &[
    Tool { program: "chromium", package: "chromium" },
    Tool { program: "sqlite3", package: "sqlite3" },
    Tool { program: "g++", package: "g++" },
    Tool { program: "git", package: "git" },
    Tool { program: "node", package: "nodejs" },
    Tool { program: "javac", package: "openjdk-17-jdk-headless" },
    Tool { program: "/usr/bin/python3", package: "python3" },
    Tool { program: "libjemalloc_pic.a", package: "libjemalloc-dev" },
    Tool { program: "libtcmalloc_minimal.a", package: "libgoogle-perftools-dev" },
    Tool { program: "libmimalloc.so", package: "libmimalloc-dev" },
];

/// What the benchmarks measure against.
pub(crate) const FOR_BENCHES: &[Tool] = &[
    Tool { program: "heaptrack", package: "heaptrack" },
    Tool { program: "time", package: "time" },
    Tool { program: "sqlite3", package: "sqlite3" },
    Tool { program: "/usr/bin/python3", package: "python3" },
    Tool { program: "g++", package: "g++" },
];

/// Installs those tools that are missing.
pub(crate) fn install(tools: &[Tool]) -> Result<()> {
    let missing: Vec<_> =
        tools.iter().filter(|tool| !is_present(tool.program)).map(|tool| tool.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    ensure!(
        is_present("apt-get"),
        "please install {}: there is no apt-get here to do it",
        missing.join(", ")
    );
    let sudo = if is_root() { "" } else { "sudo " };
    run(&mut program(&format!("{sudo}apt-get update -qq")))?;
    let install = format!("{sudo}apt-get install -y -qq --no-install-recommends {}", missing.join(" "));
    run(program(&install).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()))
}

/// Installs a folder's npm packages as its lock file names them, unless that was done.
pub(crate) fn install_node_modules(folder: &str) -> Result<()> {
    ensure!(is_present("npm"), "please install Node.js 20 or newer: `npm` is missing");
    let folder = root().join(folder);
    if is_newer(&folder.join("node_modules/.package-lock.json"), &folder.join("package-lock.json")) {
        return Ok(());
    }
    run(program("npm ci --no-audit --no-fund").current_dir(folder))
}

/// Where the linker finds a library.
pub(crate) fn library(name: &str) -> Result<PathBuf> {
    let found = program(&format!("gcc -print-file-name={name}")).output()?;
    let path = PathBuf::from(String::from_utf8(found.stdout)?.trim());
    // The compiler gives the bare name back if it finds nothing.
    ensure!(path.is_absolute(), "`{name}` is missing; `cargo xtask test` installs it");
    Ok(path)
}

fn is_present(name: &str) -> bool {
    if name.ends_with(".a") || name.ends_with(".so") {
        return library(name).is_ok();
    }
    let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).stdout(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn is_newer(made: &Path, source: &Path) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    matches!((modified(made), modified(source)), (Ok(made), Ok(source)) if made >= source)
}
