//! Operating a server: its configuration, its tokens, its log, its end.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

fn bytehound(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bytehound"));
    command.args(arguments).env("BYTEHOUND_DATA_DIR", data).env_remove("RUST_LOG");
    command
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    bytehound(data, arguments).output().expect("the program can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server of the test's own; killed when it is dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("it says where");
        let url = line.trim().strip_prefix("listening on ").expect(&line).trim_end_matches('/').to_owned();
        Self { child, url }
    }

    fn get(&self, path: &str, token: Option<&str>) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let url = self.url.replace("0.0.0.0", "127.0.0.1");
        let mut request = agent.get(format!("{url}{path}"));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut answer = request.call().expect("it answers");
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("there is `kill`").success());
    }

    /// Waits for its end; gives its exit code, and what it logged.
    fn ended(mut self) -> (Option<i32>, String) {
        let mut errors: ChildStderr = self.child.stderr.take().expect("piped");
        let mut log = String::new();
        errors.read_to_string(&mut log).expect("text");
        (self.child.wait().expect("it ends").code(), log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already after `ended`.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bytehound.toml");
    let settings = "interface = \"127.0.0.3\"\nport = 0\nrequire-token = true\nhost-name = [\"a.example\", \"b.example\"]\n";
    std::fs::write(&file, settings).expect("it is written");
    let data = folder.path().join("data");
    let config = ["server", "--config", file.to_str().expect("text")];
    let of_file = Server::start(&mut bytehound(&data, &config));
    assert!(of_file.url.starts_with("http://127.0.0.3:"), "{}", of_file.url);
    assert_eq!(of_file.get("/v1/profiles", None).0, 401);
    drop(of_file);
    let of_variable = Server::start(
        bytehound(&data, &config)
            .env("BYTEHOUND_INTERFACE", "127.0.0.2")
            .env("BYTEHOUND_REQUIRE_TOKEN", "false"),
    );
    assert!(of_variable.url.starts_with("http://127.0.0.2:"), "{}", of_variable.url);
    assert_eq!(of_variable.get("/v1/profiles", None).0, 200);
    drop(of_variable);
    let mut flag = bytehound(&data, &config);
    let of_flag =
        Server::start(flag.args(["--interface", "127.0.0.4"]).env("BYTEHOUND_INTERFACE", "127.0.0.2"));
    assert!(of_flag.url.starts_with("http://127.0.0.4:"), "{}", of_flag.url);
}

#[test]
fn what_a_file_cannot_say_is_told_with_the_name_that_was_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bytehound.toml");
    for (settings, said) in [
        ("prot = 80", "there is no setting `prot`; did you mean `port`?"),
        ("host_name = 'a'", "there is no setting `host_name`; did you mean `host-name`?"),
        ("colour = 'red'", "there is no setting `colour`\n"),
        ("config = 'other.toml'", "there is no setting `config`"),
        ("port = 70000", "invalid value '70000' for '--port"),
        ("port = 1.5", "`port` is float"),
        ("log-format = 'xml'", "invalid value 'xml' for '--log-format"),
        ("port = ", "TOML parse error"),
    ] {
        std::fs::write(&file, settings).expect("it is written");
        let ended = run(&folder.path().join("data"), &["server", "--config", file.to_str().expect("text")]);
        let errors = text(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{settings}: {errors}");
        assert!(errors.contains(said) && errors.contains("bytehound.toml"), "{settings}: {errors}");
    }
}

#[test]
fn tokens_are_made_and_revoked_while_the_server_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = Server::start(&mut bytehound(&data, &["server", "--interface", "0.0.0.0", "--port", "0"]));
    assert_eq!(server.get("/v1/profiles", None).0, 401);
    let made = run(&data, &["token", "create", "--name", "ci", "--scope", "read,write"]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let secret = text(&made.stdout).trim().to_owned();
    assert_eq!(server.get("/v1/profiles", Some(&secret)).0, 200);
    let listed: Value =
        serde_json::from_slice(&run(&data, &["token", "list", "--json"]).stdout).expect("JSON");
    let id = listed[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(listed[0]["scopes"], serde_json::json!(["read", "write"]));
    assert!(!listed.to_string().contains(&secret));

    let url = server.url.replace("0.0.0.0", "127.0.0.1");
    let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/golden/realloc.raw.dat");
    let upload = ["upload", capture.to_str().expect("text"), "--wait", "--server", &url];
    let refused = run(&data, &upload);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("BYTEHOUND_TOKEN"), "{}", text(&refused.stderr));
    let sent = bytehound(&data, &upload).env("BYTEHOUND_TOKEN", &secret).output().expect("it runs");
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent.stderr));

    assert_eq!(run(&data, &["token", "revoke", &id]).status.code(), Some(0));
    assert_eq!(server.get("/v1/profiles", Some(&secret)).0, 401);
    let unknown = run(&data, &["token", "revoke", "t_nothing"]);
    assert!(text(&unknown.stderr).contains("`t_nothing`"), "{}", text(&unknown.stderr));
}

#[test]
fn a_signal_ends_the_server_in_good_order_and_its_log_is_one_object_a_line() {
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let arguments = ["server", "--port", "0", "--log-format", "json"];
        let server = Server::start(bytehound(&data, &arguments).env("RUST_LOG", "debug,sled=error"));
        assert_eq!(server.get("/v1/profiles", None).0, 200);
        server.signal(signal);
        let (code, log) = server.ended();
        assert_eq!(code, Some(0), "{log}");
        let lines: Vec<Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
        let answered =
            lines.iter().find(|line| line["span"]["path"] == "/v1/profiles").expect("it is logged");
        assert_eq!((&answered["status"], &answered["span"]["method"]), (&200.into(), &"GET".into()));
        assert_eq!(answered["span"]["id"].as_str().map(str::len), Some(16));
    }
}

#[test]
fn an_upload_under_way_holds_the_end_up_until_a_second_signal() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&mut bytehound(&folder.path().join("data"), &["server", "--port", "0"]));
    let mut upload = TcpStream::connect(server.url.trim_start_matches("http://")).expect("it listens");
    upload
        .write_all(b"POST /v1/profiles HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nHalf")
        .expect("it is sent");
    let receiving = || {
        let observed: Value = serde_json::from_str(&server.get("/v1/observe", None).1).expect("JSON");
        observed["receiver"]["running"] == 1
    };
    while !receiving() {}
    assert_eq!(server.get("/readyz", None).0, 200);
    server.signal("TERM");
    while server.get("/readyz", None).0 != 503 {}
    assert_eq!(server.get("/v1/profiles", None).0, 200, "questions are answered until the end");
    let another = ureq::post(format!("{}/v1/profiles", server.url)).send("x");
    assert!(matches!(another, Err(ureq::Error::StatusCode(503))), "{another:?}");
    server.signal("TERM");
    assert_eq!(server.ended().0, Some(143));
}
