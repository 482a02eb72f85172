//! `bytehound script`: where scripts come from, and where their answers go.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::Value;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::{TempDir, tempdir};

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/golden/realloc.decoded.dat");
const OTHER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/golden/threads.decoded.dat");

/// What a terminal is told as soon as an entry is read: from now on, mark what is pasted.
const PROMPTED: &str = "\u{1b}[?2004h";

/// A folder to run in, with a data directory.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bytehound"));
        command.arg("script").args(arguments).arg("--data-dir").arg(self.path().join("data"));
        command.current_dir(self.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What is printed when all goes well.
    fn printed(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {said}");
        String::from_utf8(ended.stdout).unwrap()
    }
}

#[test]
fn an_expression_prints_its_value() {
    let place = Place::new();
    assert_eq!(place.printed(&["-e", "20 + 22"]), "42\n");
    assert_eq!(place.printed(&["-e", "let x = 1;"]), "");
    assert_eq!(place.printed(&["-e", "argv()", "a", "b"]), "[a, b]\n");
    let both = place.printed(&["-d", CAPTURE, "-d", OTHER, "-e", "profiles().len()"]);
    assert_eq!(both, "2\n");
    let id = place.printed(&["-d", OTHER, "-e", "data().id()"]);
    let again = ["-d", id.trim(), "-e", "println(allocations()); profile(data().id()).allocations()"];
    let printed = place.printed(&again);
    let (first, second) = printed.trim_end().split_once('\n').unwrap();
    assert_eq!(first, second, "the same profile, by its id");
}

#[test]
fn a_script_comes_from_the_standard_input_when_it_is_named_by_a_dash() {
    let place = Place::new();
    let mut child = place.command(&["-", "x"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"println(argv());\nexit(7);").unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), &*ended.stdout), (Some(7), &b"[x]\n"[..]));
}

#[test]
fn an_error_has_its_place() {
    let place = Place::new();
    let ended = place.run(&["-e", "let a = 1;\nnonsense()"]);
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("Function not found: nonsense") && said.contains("(line 2, position 1)"), "{said}");
}

#[test]
fn json_holds_what_was_printed_written_and_answered() {
    let place = Place::new();
    let script = "println(1); allocations().save_as_graph(\"all.svg\"); println(2); allocations().len() > 0";
    let answer: Value =
        serde_json::from_str(&place.printed(&["-d", CAPTURE, "--json", "-e", script])).unwrap();
    assert_eq!((&answer["status"], &answer["value"]), (&"ok".into(), &"true".into()));
    assert_eq!(answer["output"][0], serde_json::json!({ "kind": "println", "value": "1" }));
    assert_eq!(
        (&answer["output"][1]["kind"], &answer["output"][1]["path"]),
        (&"image".into(), &"all.svg".into())
    );
    assert!(std::fs::read_to_string(place.path().join("all.svg")).unwrap().contains("</svg>"));

    let ended = place.run(&["--json", "-e", "println(1);\nnonsense()"]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
    let answer: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!((&answer["status"], &answer["line"]), (&"error".into(), &2.into()));
    assert_eq!(answer["output"][0]["value"], "1");
}

#[test]
fn a_reader_that_has_read_enough_ends_the_script_without_a_word() {
    let place = Place::new();
    let mut child = place
        .command(&["-e", "try { loop { println(\"more\"); } } catch { loop { } }"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 4];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!((&first, ended.status.code()), (b"more", Some(0)));
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn on_a_terminal_entries_go_on_where_the_last_one_ended() {
    let place = Place::new();
    let prompt = format!("{} script --data-dir data -d {CAPTURE}", env!("CARGO_BIN_EXE_bytehound"));
    let mut terminal = Command::new("script")
        .args(["--quiet", "--return", "--command", &prompt, "/dev/null"])
        .current_dir(place.path())
        .env("XDG_STATE_HOME", place.path().join("state"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = terminal.stdin.take().unwrap();
    let mut output = BufReader::new(terminal.stdout.take().unwrap()).bytes().map(Result::unwrap);
    let mut shown = String::new();
    for entry in ["fn twice(n) {\n2 * n }\n", "let n = 21;\n", "nonsense();\n", "twice(n)\n", "exit(3)\n"] {
        // What is typed before the prompt is there goes nowhere.
        while !shown.ends_with(PROMPTED) {
            shown.push(output.next().expect("a prompt").into());
        }
        input.write_all(entry.as_bytes()).unwrap();
        shown.push(' ');
    }
    shown.extend(output.map(char::from));
    let ended = terminal.wait().unwrap();
    assert_eq!(ended.code(), Some(3), "{shown}");
    assert!(shown.contains("Function not found: nonsense"), "{shown}");
    assert!(shown.lines().any(|line| line.trim() == "42"), "{shown}");
    let history = std::fs::read_to_string(place.path().join("state/bytehound/script_history")).unwrap();
    assert!(history.contains("twice(n)"), "{history}");
}
