//! The main job: capture, upload, ask, restart, ask again.

use anyhow::{Context, Result};
use bytehound_tests::{Capture, Server, bytehound, run, scripts};
use serde_json::{Value, json};
use std::process::Command;
use tempfile::tempdir;

const PATTERNS: [(&str, &str); 3] = [
    ("linear_leak_never_deallocated", "allocate_linear_leak_never_deallocated"),
    ("bounded_leak", "allocate_bounded_leak"),
    ("both_temporary_and_linear_leak", "allocate_both_temporary_and_linear_leak"),
];

#[test]
fn the_leaks_found_are_those_the_program_counted() -> Result<()> {
    let folder = tempdir()?;
    let capture = Capture::of_simulation(folder.path(), "simulation", 2.0, &[])?;
    let server = Server::start(&folder.path().join("data"), &[])?;
    let id = server.upload(&capture.path)?;
    for (pattern, function) in PATTERNS {
        let script = format!(
            r#"let all = allocations().only_passing_through_function("{function}");
               let leaked = all.only_leaked();
               println("{{}} {{}}", all.len(), leaked.len());
               println(leaked.group_by_backtrace().len());"#
        );
        let (text, _) = server.script(&id, &script)?;
        let (allocated, leaked, _) = capture.pattern(pattern).context("the simulation says what it did")?;
        assert_eq!(text, format!("{allocated} {leaked}\n1\n"), "{pattern}");
    }
    let groups =
        server.get(&format!("/v1/profiles/{id}/groups?sort=leaked_bytes&order=desc&limit=50"))?.json()?;
    for (pattern, function) in PATTERNS {
        let (_, leaked, bytes) = capture.pattern(pattern).context("the simulation says what it did")?;
        let group = group_through(&groups, function).with_context(|| format!("no group for {function}"))?;
        assert_eq!(
            (group["leaked_count"].as_u64(), group["leaked_bytes"].as_u64()),
            (Some(leaked), Some(bytes))
        );
    }
    Ok(())
}

fn group_through<'a>(groups: &'a Value, function: &str) -> Option<&'a Value> {
    let passes = |frame: &Value| frame["function"].as_str().is_some_and(|name| name.contains(function));
    let all = groups["data"]["groups"].as_array()?;
    all.iter().find(|group| {
        group["leaked_count"] != 0
            && group["frames"].as_array().is_some_and(|frames| frames.iter().any(passes))
    })
}

#[test]
fn the_case_study_tells_the_same_through_cli_and_http() -> Result<()> {
    let folder = tempdir()?;
    let capture = Capture::of_simulation(folder.path(), "simulation", 2.0, &[])?;
    let data = folder.path().join("data");
    for script in ["case_study_1.rhai", "case_study_2.rhai"] {
        let path = scripts().join(script);
        let mut command = Command::new(bytehound());
        command.arg("script").arg(&path).arg("-d").arg(&capture.path).arg("--data-dir").arg(&data);
        let printed = run(command.current_dir(folder.path()))?;
        assert_eq!(printed.code, Some(0), "{}", printed.stderr);
        assert!(printed.stdout.contains("simulation::"), "no backtrace in: {}", printed.stdout);

        let server = Server::start(&folder.path().join("server"), &[])?;
        let id = server.upload(&capture.path)?;
        let (text, images) = server.script(&id, &std::fs::read_to_string(&path)?)?;
        assert_eq!(text, printed.stdout, "{script}");
        assert!(!images.is_empty());
        for image in images {
            let svg = server.get(&image)?;
            assert!(svg.status == 200 && svg.text.starts_with("<svg"), "{image}: {}", svg.status);
        }
    }
    Ok(())
}

#[test]
fn a_restart_answers_without_the_capture() -> Result<()> {
    let folder = tempdir()?;
    let capture = Capture::of_simulation(folder.path(), "simulation", 0.5, &[])?;
    let data = folder.path().join("data");
    let server = Server::start(&data, &[])?;
    let id = server.upload(&capture.path)?;
    let ask = |server: &Server| -> Result<(Value, Value)> {
        let groups = server.get("/data/last/allocation_groups?sort_by=all.size&order=dsc")?;
        Ok((server.get("/list")?.json()?, groups.json()?))
    };
    let before = ask(&server)?;
    server.kill()?;
    std::fs::remove_file(&capture.path)?;
    std::fs::rename(data.join("blobs").join(format!("{id}.dat")), folder.path().join("elsewhere.dat"))?;
    let server = Server::start(&data, &[])?;
    assert_eq!(ask(&server)?, before);
    Ok(())
}

#[test]
fn a_kill_between_upload_and_index_loses_nothing() -> Result<()> {
    let folder = tempdir()?;
    let capture = Capture::of_simulation(folder.path(), "simulation", 0.5, &[])?;
    let data = folder.path().join("data");
    for round in 0..5_u32 {
        let server = Server::start(&data, &[])?;
        // Other bytes each time, so that there is something to index: a capture may be followed by anything.
        let mut bytes = std::fs::read(&capture.path)?;
        bytes.extend(round.to_le_bytes());
        let received = server.post("/v1/profiles", &bytes)?.json()?;
        let id = received["id"].as_str().context("no id")?.to_owned();
        server.kill()?;
        let server = Server::start(&data, &[])?;
        server.wait_until_ready(&id)?;
        let (text, _) = server.script(&id, "println(allocations().only_leaked().len() > 0);")?;
        assert_eq!(text, "true\n");
    }
    Ok(())
}

#[test]
fn the_same_bytes_are_the_same_profile_and_labels_are_merged() -> Result<()> {
    let folder = tempdir()?;
    let capture = Capture::of_simulation(folder.path(), "simulation", 0.2, &[])?;
    let bytes = std::fs::read(&capture.path)?;
    let server = Server::start(&folder.path().join("data"), &[])?;
    let first = server.post("/v1/profiles?label=branch=main&label=run=1", &bytes)?;
    let second = server.post("/v1/profiles?label=run=2", &bytes)?;
    assert_eq!((first.status, second.status), (201, 200));
    assert_eq!(first.json()?["id"], second.json()?["id"]);
    let list = server.get("/v1/profiles")?.json()?;
    assert_eq!(list["profiles"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["profiles"][0]["labels"], json!({"branch": "main", "run": "2"}));
    Ok(())
}

#[test]
fn several_uploads_at_once_all_become_ready() -> Result<()> {
    let folder = tempdir()?;
    let server = Server::start(&folder.path().join("data"), &[])?;
    let names = ["cull", "mmap", "realloc", "startstop", "threads"];
    std::thread::scope(|scope| -> Result<()> {
        let uploads: Vec<_> = names
            .iter()
            .map(|name| {
                let path = bytehound_tests::golden().join(format!("{name}.decoded.dat"));
                let server = &server;
                scope.spawn(move || server.upload(&path))
            })
            .collect();
        for upload in uploads {
            upload.join().map_err(|_| anyhow::anyhow!("an upload panicked"))??;
        }
        Ok(())
    })?;
    assert_eq!(server.get("/list")?.json()?.as_array().map(Vec::len), Some(names.len()));
    Ok(())
}
