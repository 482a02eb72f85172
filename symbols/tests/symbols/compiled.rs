//! Programs that the tests compile on the spot, with the compilers of the machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A compiled program; its directory goes with it.
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    directory: TempDir,
}

impl Program {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    /// Runs a tool over the program, writing a new program beside it.
    pub(crate) fn rewritten(self, tool: &str, arguments: &[&str]) -> Self {
        let path = self.directory.path().join("rewritten");
        run(Command::new(tool).args(arguments).arg(&self.path).arg("-o").arg(&path));
        Self { path, ..self }
    }

    /// What the program prints.
    pub(crate) fn output(&self) -> String {
        run(&mut Command::new(&self.path))
    }
}

/// Compiles a C program, an assembler one if its first line says so.
pub(crate) fn c(source: &str, arguments: &[&str]) -> Program {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("program");
    let name = if source.starts_with("# assembler") { "program.s" } else { "program.c" };
    compile("gcc", name, source, directory.path(), &path, arguments);
    Program { path, directory }
}

/// Compiles a Rust program that may call the functions of a C file.
pub(crate) fn rust(source: &str, c_source: &str, arguments: &[&str]) -> Program {
    let directory = tempfile::tempdir().unwrap();
    let object = directory.path().join("beside.o");
    compile("gcc", "beside.c", c_source, directory.path(), &object, &["-c", "-O1"]);
    let path = directory.path().join("program");
    let link = format!("-Clink-arg={}", object.display());
    compile(
        "rustc",
        "program.rs",
        source,
        directory.path(),
        &path,
        &[&["-Cdebuginfo=2", &link], arguments].concat(),
    );
    Program { path, directory }
}

fn compile(compiler: &str, name: &str, source: &str, directory: &Path, output: &Path, arguments: &[&str]) {
    let file = directory.join(name);
    std::fs::write(&file, source).unwrap();
    run(Command::new(compiler).current_dir(directory).args(arguments).arg(&file).arg("-o").arg(output));
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
