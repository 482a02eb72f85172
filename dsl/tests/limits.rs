//! Scripts that mean harm end by their limits, with an error that names the limit.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytehound_dsl::{Environment, Limits, run};
use bytehound_index::Cancel;
use support::Captures;

fn limits() -> Limits {
    Limits { deadline: Duration::from_secs(3600), niceness: 0, ..Limits::default() }
}

fn stopped_by(script: &str, limits: &Limits, expected: &str) {
    let outcome = run(script, &[], Environment::closed(), limits, &Cancel::default());
    let error = outcome.result.expect_err(script);
    assert!(error.message.contains(expected), "{script:.200}: {error}");
}

#[test]
fn an_endless_loop_ends_by_operations_or_by_the_clock() {
    let few = Limits { operations: 100_000, ..limits() };
    stopped_by("loop { }", &few, "more than 100000 operations");
    let short = Limits { operations: 0, deadline: Duration::from_millis(50), ..limits() };
    stopped_by("loop { }", &short, "ran longer than 50ms");
    stopped_by("try { loop { } } catch { loop { } }", &short, "ran longer than 50ms");
}

#[test]
fn deep_recursion_ends_by_call_levels() {
    stopped_by("fn f(n) { f(n + 1) } f(0);", &limits(), "more than 64 levels deep");
    stopped_by(
        "fn f(n) { f(n + 1) } f(0);",
        &Limits { call_levels: 256, ..limits() },
        "more than 256 levels deep",
    );
    stopped_by(
        &format!("let x = {}1{};", "(".repeat(5_000), ")".repeat(5_000)),
        &limits(),
        "nested too deeply",
    );
    stopped_by(&format!("let x = {}1;", "-".repeat(100_001)), &limits(), "");
}

#[test]
fn large_values_are_refused() {
    stopped_by("let s = \"x\"; loop { s += s; }", &limits(), "string too large");
    stopped_by("let s = \"x\"; s.pad(1_000_000_000, \"y\");", &limits(), "too large");
    // Rhai counts the elements at each step.
    let few = Limits { array_elements: 10_000, ..limits() };
    stopped_by("let a = []; loop { a.push(1); }", &few, "too large: ");
    stopped_by("let a = [1]; loop { a += a; }", &limits(), "too large: ");
}

#[test]
fn values_that_are_small_enough_each_are_too_much_together() {
    let little = Limits { memory_bytes: 64 << 20, ..limits() };
    let script = r#"
        let s = "x";
        s.pad(1_000_000, "y");
        let a = [];
        a.pad(1_000, 0);
        for i in 0..1_000 { a[i] = s + i; }
    "#;
    stopped_by(script, &little, "memory grew by more than 67108864 bytes");
    stopped_by("let m = #{}; let i = 0; loop { m[i.to_string()] = i; i += 1; }", &little, "memory grew");
}

#[test]
fn output_is_bounded() {
    stopped_by("loop { println(\"xxxxxxxxxxxxxxxxxxxxxxxx\"); }", &limits(), "printed more than");
    stopped_by("loop { try { println(); } catch { } }", &limits(), "printed more than");
    stopped_by("loop { print(\"xxxxxxxxxxxxxxxxxxxxxxxx\"); }", &limits(), "printed more than");
    stopped_by("loop { info(\"xxxxxxxxxxxxxxxxxxxxxxxx\"); }", &limits(), "printed more than");
    stopped_by("for i in 0..100_000 { mkdir_p(`/${i}`); }", &limits(), "more than 10000 files");
}

#[test]
fn a_cancelled_script_ends_soon_and_keeps_what_it_printed() {
    let cancel = Cancel::default();
    let handle = cancel.clone();
    let started = Instant::now();
    let canceller = std::thread::spawn(move || {
        while started.elapsed() < Duration::from_millis(30) {
            std::thread::yield_now();
        }
        handle.cancel();
    });
    let unbounded = Limits { operations: 0, ..limits() };
    let outcome = run("println(1); loop { }", &[], Environment::closed(), &unbounded, &cancel);
    canceller.join().unwrap();
    assert_eq!(outcome.result.unwrap_err().message, "the script was cancelled");
    assert_eq!(outcome.output.len(), 1);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn nothing_reaches_outside_the_script() {
    stopped_by("eval(\"1\");", &limits(), "eval");
    stopped_by("import \"x\" as x;", &limits(), "Module not found");
    stopped_by("load(\"/etc/passwd\");", &limits(), "unsupported in this environment");
    stopped_by("sleep(1);", &limits(), "Function not found: sleep");
    stopped_by("timestamp();", &limits(), "Function not found: timestamp");
}

#[test]
fn plans_and_graphs_of_any_size_end_well() {
    let captures = Captures::new();
    let profile = captures.golden("realloc.decoded");
    let run = |script: &str| {
        run(script, &[Arc::clone(&profile)], Environment::closed(), &limits(), &Cancel::default())
    };

    let nested = "let a = allocations(); for i in 0..20_000 { a = a.only_larger(i % 7) + a.only_leaked(); } println(a.len());";
    assert_eq!(run(nested).result, Ok(()));

    let series = "let g = graph(); for i in 0..1_000_000 { g = g.add(`${i}`, allocations()); } g.save();";
    assert!(run(series).result.expect_err(series).message.contains("a graph can have at most 1000 series"));
    let most =
        "let g = graph(); for i in 0..1_000 { g = g.add(`${i}`, allocations().only_larger(i)); } g.save();";
    assert_eq!(run(most).result, Ok(()));

    let bomb = "allocations().only_passing_through_function(\"((a{1000}){1000}){1000}\").len();";
    assert!(run(bomb).result.expect_err(bomb).message.contains("failed to compile regex"));
}
