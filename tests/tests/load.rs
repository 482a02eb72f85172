//! A little load: every answer right, none refused by accident.

use anyhow::Result;
use bytehound_tests::{Server, golden, loadtest, run};
use std::process::Command;
use tempfile::tempdir;

#[test]
fn many_clients_get_the_same_right_answers() -> Result<()> {
    let folder = tempdir()?;
    let server = Server::start(&folder.path().join("data"), &[])?;
    let mut command = Command::new(loadtest());
    command.args(["--server", &server.url, "--clients", "8", "--requests", "200", "--rate", "100", "--json"]);
    for name in ["threads.decoded.dat", "realloc.raw.dat"] {
        command.arg("--capture").arg(golden().join(name));
    }
    let ended = run(&mut command)?;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout)?;
    assert_eq!((&report["requests"], &report["good"]), (&200.into(), &true.into()), "{report}");
    Ok(())
}
