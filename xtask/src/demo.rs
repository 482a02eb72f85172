//! `cargo xtask demo`: the main job, end to end, on a real program.

use crate::build;
use crate::shell::{root, run};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

#[derive(Args)]
pub(crate) struct Options {
    /// How long the simulation runs, in seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Port of the server; 0 lets the system choose.
    #[arg(short, long, default_value_t = 8080)]
    port: u16,
    /// Ends after printing the leaks, instead of serving until Ctrl-C.
    #[arg(long)]
    exit: bool,
}

/// The script that names the leaks: groups by leaked bytes, and where each comes from.
const LEAKS: &str = r#"
let groups = allocations().only_leaked().group_by_backtrace().sort_by_size();
println("{} leaked in {} places; the largest:", allocations().only_leaked(), groups.len());
for group in groups.take(3) {
    println();
    println("{} from", group);
    println(group[0].backtrace().strip());
}
"#;

pub(crate) fn start(options: &Options) -> Result<()> {
    build::everything()?;
    let simulation = build::simulation()?;
    let folder = root().join("target/demo");
    std::fs::create_dir_all(&folder)?;
    let capture = folder.join("simulation.dat");
    capture_program(&simulation, &capture, options.seconds)?;
    let mut server = Server::start(&folder.join("data"), options.port)?;
    let profile = server.upload(&capture)?;
    print!("{}", server.script(&profile, LEAKS)?);
    println!("\nserving it at {}", server.url);
    if options.exit {
        return server.stop();
    }
    println!("Ctrl-C ends the server");
    server.child.wait()?;
    Ok(())
}

fn capture_program(simulation: &Path, capture: &Path, seconds: f64) -> Result<()> {
    let mut command = Command::new(build::executable());
    command.args(["run", "--label", "suite=demo", "--output"]).arg(capture).arg("--").arg(simulation);
    run(command.args(["--seconds", &seconds.to_string()]))
}

/// A running `bytehound server`; it ends with us.
struct Server {
    child: Child,
    url: String,
    agent: ureq::Agent,
}

impl Server {
    fn start(data: &Path, port: u16) -> Result<Self> {
        let mut command = Command::new(build::executable());
        command.arg("server").arg("--data-dir").arg(data).args(["--port", &port.to_string()]);
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start the server")?;
        let output = child.stdout.take().context("the server has no output")?;
        let url = BufReader::new(output).lines().map_while(Result::ok).find_map(|line| {
            line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
        });
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let url = url.context("the server ended without saying where it listens: is the port taken? choose another with `--port`")?;
        Ok(Self { child, url: url.trim_end_matches('/').to_owned(), agent })
    }

    /// Uploads a capture and waits until it is indexed; gives the profile's id.
    fn upload(&self, capture: &Path) -> Result<String> {
        let mut command = Command::new(build::executable());
        command.args(["upload", "--wait", "--server", &self.url]).arg(capture);
        let output = command.stderr(Stdio::inherit()).output()?;
        ensure!(output.status.success(), "the capture could not be uploaded");
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    fn script(&self, profile: &str, script: &str) -> Result<String> {
        let mut answer = self.agent.post(format!("{}/script?profile={profile}", self.url)).send(script)?;
        let answer: Value = answer.body_mut().read_json()?;
        ensure!(answer["status"] == "ok", "the script failed: {}", answer["message"]);
        let lines = answer["output"].as_array().into_iter().flatten();
        Ok(lines.filter_map(|item| item["value"].as_str()).map(|line| format!("{line}\n")).collect())
    }

    fn stop(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop());
    }
}
