//! Programs held against a count of what they allocated: nothing is missing, nothing is there twice.

use anyhow::{Context, Result, ensure};
use bytehound_tests::{Capture, Totals, compile, compile_as, index, library, run, sites_in, totals_of};
use std::path::Path;
use std::process::Command;
use tempfile::tempdir;

/// What we allocate ourselves while a process begins, before there is anything to record with.
const OWN_BLOCKS: u64 = 8;
const OWN_BYTES: u64 = 4096;

/// What an uninvolved library behind ours counted.
fn counted(file: &Path) -> Result<Totals> {
    let bytes = std::fs::read(file)?;
    let mut words = bytes.chunks_exact(8).filter_map(|word| Some(u64::from_le_bytes(*word.first_chunk()?)));
    let mut next = || words.next().context("the counters are cut");
    Ok(Totals { born: next()?, bytes: next()?, died: next()? })
}

fn captured_as_counted(words: &[&str], at_least: u64) -> Result<()> {
    let folder = tempdir()?;
    let oracle =
        compile_as("oracle.c", &folder.path().join("oracle.so"), &["-shared", "-fPIC", "-fno-builtin"])?;
    let libraries = format!("{} {}", library().display(), oracle.display());
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(folder.path()).env("PYTHONMALLOC", "malloc");
    command
        .env("ORACLE", "counters")
        .env("LD_PRELOAD", libraries)
        .env("MEMORY_PROFILER_OUTPUT", "program.dat");
    let ended = run(&mut command)?;
    ensure!(ended.code == Some(0), "{words:?} failed: {}", ended.stderr);
    let counted = counted(&folder.path().join("counters"))?;
    let captured = totals_of(&*index(&folder.path().join("program.dat"))?);
    let told = format!("{words:?}: counted {counted:?}, captured {captured:?}");
    assert!(counted.born >= at_least, "{told}");
    for (counted, captured, own) in [
        (counted.born, captured.born, OWN_BLOCKS),
        (counted.bytes, captured.bytes, OWN_BYTES),
        (counted.died, captured.died, OWN_BLOCKS),
    ] {
        assert!((captured..=captured + own).contains(&counted), "{told}");
    }
    Ok(())
}

#[test]
fn of_python_with_threads_every_block_is_there() -> Result<()> {
    let work = "import json, threading
def work(): [json.loads(json.dumps({str(i): [i, None, 'x' * i]})) for i in range(3000)]
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]";
    captured_as_counted(&["/usr/bin/python3", "-c", work], 500_000)
}

#[test]
fn of_sqlite_every_block_is_there() -> Result<()> {
    let work = "create table t (a, b);
        with recursive c(i) as (select 1 union all select i + 1 from c where i < 50000)
        insert into t select i, json_object('i', i) from c;
        create index ti on t (b); select count(*), sum(json_extract(b, '$.i')) from t";
    captured_as_counted(&["sqlite3", ":memory:", work], 100_000)
}

#[test]
fn of_perl_every_block_is_there() -> Result<()> {
    let work = "my %h; $h{$_ % 1000} .= 'x' x ($_ % 50) for 1..200000; print scalar(keys %h), qq(\\n)";
    captured_as_counted(&["perl", "-e", work], 1000)
}

#[test]
fn of_threads_that_call_every_function_at_random_every_call_is_there() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("all_at_random.c", folder.path())?;
    let program = program.to_str().context("the path is no text")?;
    let operations = if std::env::var_os("BYTEHOUND_TEST_LONG").is_some() { "2000000" } else { "100000" };
    for threads in ["1", "4", "32"] {
        captured_as_told(folder.path(), &[program, threads, operations], 8)?;
    }
    Ok(())
}

#[test]
fn of_blocks_that_another_thread_frees_at_once_every_end_is_after_its_beginning() -> Result<()> {
    let folder = tempdir()?;
    let program = compile("handed_over.c", folder.path())?;
    captured_as_told(folder.path(), &[program.to_str().context("the path is no text")?, "1000000"], 1)
}

/// Which thread comes first is another one each time: the count of a run is held against the capture of that run.
fn captured_as_told(folder: &Path, words: &[&str], sites: usize) -> Result<()> {
    let capture = Capture::of(folder, "program", words)?;
    assert_eq!(capture.ended.code, Some(0), "{words:?}");
    let told = capture.ended.sites();
    let profile = index(&capture.path)?;
    assert_eq!(sites_in(&profile, &told), told, "{words:?}");
    assert_eq!(profile.manifest().defects, [""; 0], "{words:?}");
    ensure!(told.len() == sites, "{words:?} told of {told:?}");
    Ok(())
}
