//! Settings do what the documentation says.

use anyhow::{Context, Result};
use bytehound_format::{Event, Reader};
use bytehound_tests::{Ended, bytehound, compile, index, library, run};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use tempfile::{TempDir, tempdir};

/// A folder, and a program in it that is run with settings.
struct Setup {
    folder: TempDir,
    settings: Vec<(String, String)>,
}

impl Setup {
    fn new(settings: &[(&str, &str)]) -> Result<Self> {
        let owned = |(name, value): &(&str, &str)| (format!("MEMORY_PROFILER_{name}"), (*value).to_owned());
        let mut settings: Vec<_> = settings.iter().map(owned).collect();
        if !settings.iter().any(|(name, _)| name == "MEMORY_PROFILER_OUTPUT") {
            settings.push(("MEMORY_PROFILER_OUTPUT".into(), "program.dat".into()));
        }
        Ok(Self { folder: tempdir()?, settings })
    }

    /// Preloads the library by hand, as people do.
    fn preload(&self, program: &[&str]) -> Result<Ended> {
        let (first, rest) = program.split_first().context("no program")?;
        let mut command = Command::new(first);
        command.args(rest).env("LD_PRELOAD", library());
        run(command.envs(self.settings.clone()).current_dir(self.folder.path()))
    }

    fn run(&self, program: &[&str]) -> Result<Ended> {
        let mut command = Command::new(bytehound());
        command.args(["run", "--"]).args(program);
        run(command.envs(self.settings.clone()).current_dir(self.folder.path()))
    }

    fn files(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        files_in(&self.folder.path().join("program.dat"))
    }
}

/// The files in a capture.
fn files_in(capture: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut reader = Reader::new(File::open(capture)?)?;
    let mut files = BTreeMap::new();
    while let Some(event) = reader.next_event()? {
        if let Event::File64 { path, contents, .. } = event {
            files.insert(path.into_owned(), contents.into_owned());
        }
    }
    Ok(files)
}

#[test]
fn included_files_are_in_the_capture() -> Result<()> {
    let setup = Setup::new(&[("INCLUDE_FILE", "notes/*.t?t"), ("WRITE_BINARIES_TO_OUTPUT", "0")])?;
    std::fs::create_dir(setup.folder.path().join("notes"))?;
    for (name, text) in
        [("b.txt", "second"), ("a.tat", "first"), ("c.log", "not this"), (".d.txt", "nor this")]
    {
        std::fs::write(setup.folder.path().join("notes").join(name), text)?;
    }
    setup.preload(&["true"])?;
    let included = setup.files()?;
    let included: Vec<_> = included.iter().filter(|(path, _)| path.starts_with("notes/")).collect();
    let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
    let expected = [file("notes/a.tat", "first"), file("notes/b.txt", "second")];
    assert_eq!(included, expected.iter().map(|(path, text)| (path, text)).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn files_of_the_kernel_can_be_included() -> Result<()> {
    let setup = Setup::new(&[("INCLUDE_FILE", "/proc/version")])?;
    setup.preload(&["true"])?;
    assert_eq!(setup.files()?["/proc/version"], std::fs::read("/proc/version")?);
    Ok(())
}

#[test]
fn what_is_doubtful_about_settings_is_in_the_log_in_the_capture_and_told_by_run() -> Result<()> {
    let setup = Setup::new(&[("OUPUT", "x"), ("LOG", "warn"), ("BASE_SERVER_PORT", "many")])?;
    let doubts = ["did you mean `MEMORY_PROFILER_OUTPUT`?", "`MEMORY_PROFILER_BASE_SERVER_PORT` is ignored"];
    let log = setup.preload(&["true"])?.stderr;
    let kept = String::from_utf8(setup.files()?["bytehound/warnings"].clone())?;
    let profile = index(&setup.folder.path().join("program.dat"))?;
    let shown = profile.manifest().defects.join("\n");
    let told = setup.run(&["sh", "-c", "echo started >&2"])?.stderr;
    let (before, _) = told.split_once("started").context("the program ran")?;
    for doubt in doubts {
        assert!(log.contains(doubt), "{log}");
        assert!(kept.contains(doubt), "{kept}");
        assert!(shown.contains(doubt), "{shown}");
        assert!(before.contains(doubt), "{told}");
    }
    Ok(())
}

#[test]
fn a_log_that_is_too_long_begins_anew() -> Result<()> {
    let setup = Setup::new(&[
        ("LOG", "info"),
        ("LOGFILE", "log_%e_%%"),
        ("LOGFILE_ROTATE_WHEN_BIGGER_THAN", "100"),
        ("OUTPUT", "%e_%n.dat"),
    ])?;
    // Each of these says in the log where its capture goes, and that another program comes.
    setup.preload(&["bash", "-c", "exec bash -c 'exec bash -c true'"])?;
    let read = |name: &str| std::fs::read_to_string(setup.folder.path().join(name));
    assert!(read("log_bash_%.initial")?.contains("bash_0.dat"));
    assert!(read("log_bash_%.old")?.contains("bash_"));
    assert!(read("log_bash_%")?.len() <= 100);
    Ok(())
}

#[test]
fn files_are_for_their_owner_alone_whatever_the_umask() -> Result<()> {
    let setup = Setup::new(&[("LOG", "info"), ("LOGFILE", "log")])?;
    setup.preload(&["bash", "-c", "umask 0; exec true"])?;
    for name in ["program.dat", "program-1.dat", "log"] {
        let mode = std::fs::metadata(setup.folder.path().join(name))?.permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    Ok(())
}

#[test]
fn the_capture_is_given_to_the_user_that_is_named() -> Result<()> {
    let setup = Setup::new(&[("CHOWN_OUTPUT_TO", "12345"), ("LOG", "warn")])?;
    let owner = std::fs::metadata(setup.folder.path())?.uid();
    let log = setup.preload(&["true"])?.stderr;
    let capture = std::fs::metadata(setup.folder.path().join("program.dat"))?;
    if owner == 0 {
        assert_eq!((capture.uid(), capture.mode() & 0o777), (12345, 0o600));
    } else {
        assert_eq!(capture.uid(), owner);
        assert!(log.contains("MEMORY_PROFILER_CHOWN_OUTPUT_TO"), "{log}");
    }
    Ok(())
}

#[test]
fn malloc_gives_zeroed_memory_if_that_is_wanted() -> Result<()> {
    for (zeroed, expected) in [("0", false), ("1", true)] {
        let setup = Setup::new(&[("ZERO_MEMORY", zeroed)])?;
        let program = compile("zeroes.c", setup.folder.path())?;
        let ended = setup.preload(&[program.to_str().context("the path is no text")?])?;
        assert_eq!(ended.said("dirty") == Some(0), expected, "{}", ended.stdout);
    }
    Ok(())
}

#[test]
fn an_empty_output_writes_no_file() -> Result<()> {
    let setup = Setup::new(&[("OUTPUT", "")])?;
    let ended = setup.preload(&["bash", "-c", "echo done"])?;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "done\n"));
    assert_eq!(std::fs::read_dir(setup.folder.path())?.count(), 0);
    Ok(())
}

#[test]
fn programs_that_a_program_starts_are_captured_if_that_is_wanted() -> Result<()> {
    // `env` executes `true` in its own process: that makes two captures.
    for (tracked, captures) in [("0", 1), ("1", 4)] {
        let setup = Setup::new(&[("TRACK_CHILD_PROCESSES", tracked), ("OUTPUT", "%e_%p.dat")])?;
        let ended = setup.run(&["bash", "-c", "/bin/ls >/dev/null; /usr/bin/env true; exit 3"])?;
        assert_eq!(ended.code, Some(3));
        let entries = std::fs::read_dir(setup.folder.path())?;
        let names: Vec<_> = entries.map(|entry| Ok(entry?.file_name())).collect::<Result<_>>()?;
        assert_eq!(names.len(), captures, "{names:?}");
        for name in names {
            let name = name.to_str().context("the name is no text")?;
            assert!(ended.stderr.contains(name), "`run` does not name `{name}`: {}", ended.stderr);
        }
    }
    Ok(())
}
