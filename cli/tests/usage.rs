//! The command line: help, versions and mistakes.

use std::process::{Command, Output};

fn bytehound(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bytehound"))
        .args(arguments)
        .output()
        .expect("the program can be started")
}

#[test]
fn help_and_version_are_answers_and_everything_else_is_a_mistake() {
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["help", "server"], 0),
        (&["server", "--help"], 0),
        (&[], 1),
        (&["no-such-command"], 1),
        (&["script"], 1),
        (&["server", "--port", "70000"], 1),
        (&["compare", "only-one"], 2),
    ] {
        let ended = bytehound(arguments);
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}");
        let (said, silent) =
            if code == 0 { (ended.stdout, ended.stderr) } else { (ended.stderr, ended.stdout) };
        assert!(!said.is_empty() && silent.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_script_that_is_not_there_is_named() {
    let ended = bytehound(&["script", "/no/such/script.rhai"]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&ended.stderr).contains("cannot open script file `/no/such/script.rhai`")
    );
}

#[test]
fn an_unknown_metric_is_answered_with_those_there_are() {
    let ended = bytehound(&["compare", "a", "b", "--by", "beauty"]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("peak_bytes"));
}
