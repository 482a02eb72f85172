//! Programs that people run behave under capture as they do without it, and their captures load.

use anyhow::{Context, Result};
use bytehound_tests::{Capture, allocations_of, index, preloaded, run, sites_in, tokio_echo};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use tempfile::tempdir;

/// Runs a program with and without capture: same output, same exit code; returns the allocations captured.
fn same_as_without_us(folder: &Path, words: &[&str]) -> Result<u64> {
    let mut plain = Command::new(words[0]);
    let plain = run(plain.args(&words[1..]).current_dir(folder))?;
    let capture = Capture::of(folder, "program", words)?;
    assert_eq!((capture.ended.code, &capture.ended.stdout), (plain.code, &plain.stdout), "{words:?}");
    allocations_of(&capture.path)
}

/// As above, for a program that has to succeed and to say this.
fn says(words: &[&str], output: &str, at_least: u64) -> Result<()> {
    let folder = tempdir()?;
    let plain = run(Command::new(words[0]).args(&words[1..]).current_dir(folder.path()))?;
    assert_eq!((plain.code, plain.stdout.trim()), (Some(0), output), "{words:?}: {}", plain.stderr);
    let allocations = same_as_without_us(folder.path(), words)?;
    assert!(allocations >= at_least, "only {allocations} of {words:?}");
    Ok(())
}

#[test]
fn python() -> Result<()> {
    let work = "import json; [json.dumps({'a': list(range(100))}) for _ in range(1000)]; print('done')";
    says(&["/usr/bin/python3", "-c", work], "done", 10_000)
}

#[test]
fn python_with_threads_and_subprocesses() -> Result<()> {
    let work = "
import subprocess, threading, multiprocessing
def square(x): return x * x
def work(results):
    for number in range(10):
        said = subprocess.run(['sh', '-c', f'echo {number}; exit {number}'], capture_output=True, text=True)
        results.append((said.stdout.strip(), said.returncode))
results = []
threads = [threading.Thread(target=work, args=(results,)) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
right = sum(said == str(code) for said, code in results)
with multiprocessing.get_context('fork').Pool(3) as pool:
    print(right, sum(pool.map(square, range(100))))
";
    says(&["/usr/bin/python3", "-c", work], "40 328350", 1000)
}

#[test]
fn node() -> Result<()> {
    let work = "
const { Worker, isMainThread, parentPort } = require('worker_threads');
const { execFileSync } = require('child_process');
const texts = [];
for (let i = 0; i < 20000; i++) texts.push(JSON.stringify({ i, text: 'x'.repeat(i % 100) }));
const sum = texts.reduce((sum, text) => sum + JSON.parse(text).i, 0);
const child = execFileSync('sh', ['-c', 'echo child']).toString().trim();
const worker = new Worker('require(\"worker_threads\").parentPort.postMessage([1, 2, 3].map(x => x * 2))', { eval: true });
worker.on('message', message => console.log(sum, child, message.join()));
";
    says(&["node", "-e", work], "199990000 child 2,4,6", 1000)
}

#[test]
fn java() -> Result<()> {
    let folder = tempdir()?;
    let source = r#"
import java.util.*;
import java.util.stream.*;
public class Main {
    static int depth(int n) { return n == 0 ? 0 : 1 + depth(n - 1); }
    static int endless(int n) { return 1 + endless(n + 1); }
    public static void main(String[] arguments) throws Exception {
        List<Thread> threads = new ArrayList<>();
        int[] sums = new int[8];
        for (int t = 0; t < sums.length; t++) {
            final int number = t;
            Thread thread = new Thread(() -> {
                Map<Integer, String> map = new HashMap<>();
                for (int i = 0; i < 20000; i++) map.put(i, "value " + i * number);
                sums[number] = map.values().stream().mapToInt(String::length).sum() + depth(2000);
            });
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) thread.join();
        System.gc();
        String overflow = "none";
        try { endless(0); } catch (StackOverflowError error) { overflow = "caught"; }
        Process child = new ProcessBuilder("sh", "-c", "exit 7").start();
        System.out.println(IntStream.of(sums).sum() + " " + overflow + " " + child.waitFor());
    }
}
"#;
    std::fs::write(folder.path().join("Main.java"), source)?;
    let compiled = run(Command::new("javac").arg("Main.java").current_dir(folder.path()))?;
    assert_eq!(compiled.code, Some(0), "{}", compiled.stderr);
    let words = ["java", "-Xmx200m", "-cp", ".", "Main"];
    let plain = run(Command::new(words[0]).args(&words[1..]).current_dir(folder.path()))?;
    assert!(plain.stdout.ends_with(" caught 7\n"), "{plain:?}");
    let allocations = same_as_without_us(folder.path(), &words)?;
    assert!(allocations >= 10_000, "only {allocations}");
    Ok(())
}

#[test]
fn gcc() -> Result<()> {
    let folder = tempdir()?;
    std::fs::write(folder.path().join("main.c"), "int main(void) { return 0; }\n")?;
    assert!(same_as_without_us(folder.path(), &["gcc", "-c", "main.c", "-o", "main.o"])? > 0);
    assert!(folder.path().join("main.o").exists());
    Ok(())
}

#[test]
fn gcc_compiling_cpp_with_all_that_it_starts() -> Result<()> {
    let folder = tempdir()?;
    let source = "#include <map>\n#include <string>\n#include <iostream>\n
        int main() { std::map<std::string, int> m{{\"a\", 1}}; std::cout << m.size() << '\\n'; }\n";
    std::fs::write(folder.path().join("main.cpp"), source)?;
    let words = ["g++", "-O1", "main.cpp", "-o", "main"];
    let settings = [("TRACK_CHILD_PROCESSES", "1"), ("OUTPUT", "%e-%p.dat")];
    let ended = preloaded(folder.path(), &words, &settings)?;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(run(&mut Command::new(folder.path().join("main")))?.stdout, "1\n");
    let mut captured = BTreeSet::new();
    for entry in std::fs::read_dir(folder.path())? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).context("a name that is no text")?;
        if path.extension().is_some_and(|extension| extension == "dat") {
            assert!(allocations_of(&path)? > 0, "`{name}` is empty");
            captured.insert(name.rsplit_once('-').map_or(name, |(program, _)| program).to_owned());
        }
    }
    assert!(captured.len() >= 4 && captured.contains("cc1plus"), "{captured:?}");
    Ok(())
}

#[test]
fn sqlite() -> Result<()> {
    let work = "create table t (a integer, b text);
        with recursive c(i) as (select 1 union all select i + 1 from c where i < 20000)
        insert into t select i, json_object('i', i) from c;
        create index ti on t (b); select count(*), sum(json_extract(b, '$.i')) from t;";
    says(&["sqlite3", ":memory:", work], "20000|200010000", 50_000)
}

#[test]
fn git() -> Result<()> {
    let folder = tempdir()?;
    let prepare = "git init -q . && for i in $(seq 60); do seq $i 500 > file$i; done && git add . &&
        git -c user.name=name -c user.email=mail commit -qm first && for i in $(seq 30); do seq 100 > file$i; done &&
        git add . && git -c user.name=name -c user.email=mail commit -qm second";
    let prepared = run(Command::new("bash").args(["-c", prepare]).current_dir(folder.path()))?;
    assert_eq!(prepared.code, Some(0), "{}", prepared.stderr);
    for words in [
        &["git", "log", "-p", "--stat"][..],
        &["git", "fsck", "--full"],
        &["git", "grep", "-c", "49"],
        &["git", "gc", "-q"],
    ] {
        assert!(same_as_without_us(folder.path(), words)? > 0, "{words:?}");
    }
    Ok(())
}

/// Commands as people type them: shells, pipes, jobs, forks, and programs with threads and allocators of their own.
const COMMANDS: [&str; 19] = [
    "for i in $(seq 30); do x=$(echo $i | sed s/1/2/); done; echo $x; shopt -s lastpipe; cat <(echo hi)",
    "dash -c 'for i in 1 2 3; do (echo $i) | cat; done; exit 3'",
    "perl -e 'for (1..9) { my $p = fork; exit $_ if !$p; waitpid $p, 0; print $? >> 8 } system q(echo hi); print `echo back`'",
    "tar czf - --sort=name --mtime=@0 /usr/include/linux | tar tzf - | wc -l",
    "seq 50000 | sort -R --random-source=/bin/ls --parallel=2 | sort -n | md5sum",
    "seq 50000 | xz -T2 | xz -d | md5sum",
    "awk 'BEGIN { for (i = 0; i < 50000; i++) a[i] = i \"x\"; for (k in a) n += length(a[k]); print n }'",
    "find /usr/include/linux -name 'a*.h' -exec grep -l define {} + | sort",
    "seq 100 | xargs -P 4 -n 5 echo | sort",
    "timeout 20 bash -c 'sleep 0.01; exit 5'",
    "nice env FOO=1 sh -c 'echo $FOO'",
    "gdb -batch -ex 'print 6*7'",
    "openssl dgst -sha256 /bin/ls",
    "curl -s file:///etc/passwd",
    "cargo --version; rustc --version",
    "printf 'all: a b\na:\n\t@echo a\nb: a\n\t@echo b\n' | make -f -",
    "/usr/bin/python3 -c 'import os; p = os.fork(); os._exit(4) if p == 0 else print(os.waitpid(p, 0)[1])'",
    "/usr/bin/python3 -c 'import asyncio, ctypes, sqlite3; asyncio.run(asyncio.sleep(0.01)); print(1)'",
    "ls -R /usr/include/linux | md5sum; kill -TERM $$",
];

#[test]
fn commands_of_a_shell_and_all_that_they_start() -> Result<()> {
    for command in COMMANDS {
        let folder = tempdir()?;
        let words = ["bash", "-c", command];
        let plain = run(Command::new(words[0]).args(&words[1..]).current_dir(folder.path()))?;
        let settings =
            [("TRACK_CHILD_PROCESSES", "1"), ("OUTPUT", "%p-%n.dat"), ("WRITE_BINARIES_TO_OUTPUT", "0")];
        let ended = preloaded(folder.path(), &words, &settings)?;
        assert_eq!((ended.code, ended.stdout), (plain.code, plain.stdout), "{command}");
        let captures: Vec<_> = std::fs::read_dir(folder.path())?.collect::<Result<_, _>>()?;
        assert!(!captures.is_empty(), "{command}");
        for capture in captures {
            allocations_of(&capture.path()).with_context(|| format!("of {command}"))?;
        }
    }
    Ok(())
}

#[test]
fn a_shell_that_fails() -> Result<()> {
    let folder = tempdir()?;
    assert!(same_as_without_us(folder.path(), &["bash", "-c", "echo said; (exit 3); exit 7"])? > 0);
    Ok(())
}

#[test]
fn a_rust_program_with_tokio_has_what_its_own_allocator_counted() -> Result<()> {
    let folder = tempdir()?;
    let plain = run(&mut Command::new(tokio_echo()))?;
    let capture = Capture::of(folder.path(), "tokio", &[tokio_echo()])?;
    let answers = |stdout: &str| stdout.lines().next().unwrap_or_default().to_owned();
    assert_eq!((capture.ended.code, answers(&capture.ended.stdout)), (Some(0), answers(&plain.stdout)));
    // How often it allocates depends on the moment: this run's count is held against this run's capture.
    let told = capture.ended.sites();
    let captured = sites_in(&*index(&capture.path)?, &told);
    for (name, site) in &told {
        let captured = captured[name];
        assert_eq!((captured.allocated, captured.bytes), (site.allocated, site.bytes), "{name}");
    }
    assert!(told["counted_alloc"].allocated > 1000, "{told:?}");
    Ok(())
}

#[test]
fn a_program_that_a_signal_ends() -> Result<()> {
    let folder = tempdir()?;
    let capture = Capture::of(folder.path(), "killed", &["bash", "-c", "kill -TERM $$"])?;
    // As a shell sees it: `bytehound run` dies of the signal that its program died of.
    assert_eq!(capture.ended.code, None);
    Ok(())
}
