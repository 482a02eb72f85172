//! The API against its own document: requests that nobody would think of.

use crate::served::Server;
use crate::shell::{program, root, run};
use anyhow::Result;
use std::path::Path;

/// The version that is asked for; what it finds should not change by itself.
const VERSION: &str = "4.32.5";
/// What it makes requests with. Later ones parse source text deep in a stack, which Python 3.11 fails at.
const HYPOTHESIS: &str = "6.136.9";
/// What must hold of every answer. The routes of 0.11 pass over what they do not know, so that refusing is no check.
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
/// What is served meanwhile.
const CAPTURE: &str = "tests/data/golden/mmap.decoded.dat";

/// Lets schemathesis ask a server everything that the document has.
pub(crate) fn check() -> Result<()> {
    let folder = root().join("target/schemathesis");
    install(&folder)?;
    let data = folder.join("data");
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    let server = Server::start(&data, 0)?;
    server.upload(&root().join(CAPTURE))?;
    let tool = folder.join("bin/schemathesis");
    let mut command = program(&tool.to_string_lossy());
    command.args(["run", &format!("{}/v1/openapi.json", server.url)]);
    command.args(["--checks", CHECKS, "--max-examples", "50", "--seed", "1", "--workers", "1"]);
    // What it remembers is kept beside it.
    run(command.current_dir(&folder))
}

fn install(folder: &Path) -> Result<()> {
    if folder.join("bin/schemathesis").exists() {
        return Ok(());
    }
    run(program("python3 -m venv").arg(folder))?;
    let pip = folder.join("bin/pip");
    let packages = [format!("schemathesis=={VERSION}"), format!("hypothesis=={HYPOTHESIS}")];
    run(program(&pip.to_string_lossy()).args(["install", "--quiet"]).args(packages))
}
