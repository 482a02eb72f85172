//! Programs that give up rights: what they can do no more, the library does not try either, and they live on.

use anyhow::Result;
use bytehound_tests::{Run, check, compile, index, preloaded, run, sites_in};
use std::process::Command;
use tempfile::tempdir;

#[test]
fn a_thread_that_gives_up_most_system_calls_is_captured_to_its_end() -> Result<()> {
    for how in ["prctl", "seccomp", "probe"] {
        check(&Run::of("sandboxed.c", &[how])?)?;
    }
    Ok(())
}

#[test]
fn a_sandbox_that_holds_for_the_library_too_ends_the_capture_and_not_the_program() -> Result<()> {
    for how in ["all_threads", "strict"] {
        let run = Run::of("sandboxed.c", &[how])?;
        assert_eq!(sites_in(&*run.profile()?, &run.told), run.told, "{how}");
    }
    Ok(())
}

#[test]
fn a_process_ends_with_its_last_thread_and_with_the_status_of_its_first() -> Result<()> {
    check(&Run::of("last_thread.c", &["one"])?)?;
    Ok(())
}

#[test]
fn a_program_with_few_resources_does_what_it_does_without_us() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("call_sites.c", folder.path())?;
    for limit in ["ulimit -n 4", "ulimit -v 20000", "ulimit -d 8000", "ulimit -f 0"] {
        let limited = |preload: &str| {
            let script = format!("{limit}; exec env {preload} {}", program.display());
            let mut command = Command::new("bash");
            command
                .args(["-c", &script])
                .current_dir(folder.path())
                .env("LIBRARY", bytehound_tests::library());
            run(command.env("MEMORY_PROFILER_OUTPUT", "program.dat"))
        };
        assert_eq!(limited("LD_PRELOAD=$LIBRARY")?, limited("")?, "{limit}");
    }
    Ok(())
}

#[test]
fn a_program_without_standard_descriptors_is_captured() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("close_all.c", folder.path())?;
    let closed = format!("exec env LD_PRELOAD=$LIBRARY {} 0<&- 2>&-", program.display());
    let mut command = Command::new("bash");
    command.args(["-c", &closed]).current_dir(folder.path()).env("LIBRARY", bytehound_tests::library());
    let ended = run(command.env("MEMORY_PROFILER_OUTPUT", "program.dat"))?;
    let told = ended.sites();
    assert!(!told.is_empty(), "{ended:?}");
    assert_eq!(sites_in(&*index(&folder.path().join("program.dat"))?, &told), told);
    Ok(())
}

#[test]
fn a_set_uid_program_runs_as_without_us_and_leaves_no_file() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir()?;
    let program = folder.path().join("program");
    std::fs::copy("/usr/bin/id", &program)?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o4755))?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777))?;
    let program = program.display().to_string();
    // Another user than the owner, if this one may become one.
    let user = ["setpriv", "--reuid=65534", "--clear-groups"];
    let is_possible = run(Command::new(user[0]).args(&user[1..]).arg("true"))?.code == Some(0);
    let words: Vec<_> =
        if is_possible { &user[..] } else { &[] }.iter().copied().chain([program.as_str()]).collect();
    let plain = run(Command::new(words[0]).args(&words[1..]))?;
    let script = format!("export LD_PRELOAD=$0; {}", words.join(" "));
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(bytehound_tests::library()).current_dir(folder.path());
    let ended = run(command.env("MEMORY_PROFILER_OUTPUT", folder.path().join("%e.dat")))?;
    assert_eq!((ended.code, ended.stdout), (plain.code, plain.stdout));
    assert!(!is_possible || !folder.path().join("program.dat").exists());
    Ok(())
}

#[test]
fn nothing_is_left_in_a_folder_that_cannot_be_written() -> Result<()> {
    let folder = tempdir()?;
    let ended = preloaded(
        folder.path(),
        &["bash", "-c", "echo done; exit 3"],
        &[("OUTPUT", "/proc/self/%e.dat"), ("LOG", "error")],
    )?;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), "done\n"));
    assert!(ended.stderr.contains("cannot create `/proc/self/bash.dat`"), "{}", ended.stderr);
    Ok(())
}
