//! `bytehound run` as its caller sees it. What is preloaded here does nothing; captures are tested end to end.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};

/// A library that every machine has, and that does nothing when it is preloaded.
fn harmless_library() -> &'static str {
    let candidates = ["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/libm.so.6", "/usr/lib/libm.so.6"];
    candidates.into_iter().find(|path| std::path::Path::new(path).exists()).expect("glibc brings libm")
}

fn run(options: &[&str], program: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bytehound"));
    command.args(["run", "--library", harmless_library()]).args(options).arg("--").args(program);
    command.output().expect("the program can be started")
}

fn shell(script: &str) -> Output {
    run(&[], &["sh", "-c", script])
}

#[test]
fn the_exit_code_is_the_programs() {
    assert_eq!(shell("exit 0").status.code(), Some(0));
    assert_eq!(shell("exit 7").status.code(), Some(7));
    assert_eq!(shell("exit 255").status.code(), Some(255));
}

#[test]
fn the_signal_that_ends_the_program_ends_us() {
    assert_eq!(shell("kill -TERM $$").status.signal(), Some(15));
    assert_eq!(shell("kill -KILL $$").status.signal(), Some(9));
}

#[test]
fn a_signal_sent_to_us_reaches_the_program() {
    let ended = shell("trap 'exit 9' USR1; kill -USR1 $PPID; while :; do sleep 0.01; done");
    assert_eq!(ended.status.code(), Some(9));
}

#[test]
fn what_the_program_prints_is_all_that_is_on_its_output() {
    let ended = shell("echo said; echo complained >&2");
    assert_eq!(ended.stdout, b"said\n");
    assert!(ended.stderr.starts_with(b"complained\n"), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn the_environment_is_set_up() {
    let ended = run(
        &["--label", "a=1", "--label", "b=2 3"],
        &["sh", "-c", "echo \"$LD_PRELOAD|$MEMORY_PROFILER_LABELS\""],
    );
    let expected = format!("{}|a=1\nb=2 3\n", std::fs::canonicalize(harmless_library()).unwrap().display());
    assert_eq!(String::from_utf8_lossy(&ended.stdout).trim_end(), expected.trim_end());
}

#[test]
fn an_empty_output_asks_for_no_file() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bytehound"));
    command.args([
        "run",
        "--library",
        harmless_library(),
        "--",
        "sh",
        "-c",
        "echo \"[$MEMORY_PROFILER_OUTPUT]\"",
    ]);
    let ended = command.env("MEMORY_PROFILER_OUTPUT", "").output().expect("the program can be started");
    assert_eq!((&ended.stdout[..], &ended.stderr[..]), (&b"[]\n"[..], &b""[..]));
}

#[test]
fn a_run_without_a_capture_says_so() {
    let text = String::from_utf8(shell("true").stderr).unwrap();
    assert!(text.contains("nothing was captured"), "{text}");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let ended = run(&[], &["/no/such/program"]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("/no/such/program"));
}

#[test]
fn a_missing_library_is_named() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bytehound"));
    let ended = command.args(["run", "--library", "/no/such/library.so", "--", "true"]).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("/no/such/library.so"));
}
