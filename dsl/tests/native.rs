//! On the command line scripts write real files and load more data.

mod support;

use std::sync::Arc;

use bytehound_dsl::{Environment, Limits, Outcome, ProfileSource, run};
use bytehound_index::{Cancel, Profile};
use support::Captures;

struct One(Arc<Profile>);

impl ProfileSource for One {
    fn load(&self, path: &str) -> Result<Arc<Profile>, String> {
        if path == "one.dat" { Ok(Arc::clone(&self.0)) } else { Err("no such file".to_owned()) }
    }
}

fn run_native(script: &str, arguments: &[&str]) -> Outcome {
    let captures = Captures::new();
    let source = Arc::new(One(captures.golden("realloc.decoded")));
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    run(script, &[], Environment::Native { arguments, source }, &Limits::relaxed(), &Cancel::default())
}

#[test]
fn files_are_written_where_the_script_says() {
    let directory = tempfile::tempdir().unwrap();
    let script = r#"
        let out = argv()[0] + "/a/b";
        mkdir_p(out);
        let all = load("one.dat").allocations();
        all.save_as_graph(out + "/graph.svg");
        graph().add("Leaked", all.only_leaked()).save_each_series_as_flamegraph(out);
        exit(7);
    "#;
    let outcome = run_native(script, &[directory.path().to_str().unwrap()]);
    assert_eq!((outcome.result, outcome.exit_code), (Ok(()), Some(7)));
    assert!(outcome.output.is_empty());
    for file in ["graph.svg", "Leaked.svg"] {
        let picture = std::fs::read_to_string(directory.path().join("a/b").join(file)).unwrap();
        assert!(picture.contains("</svg>"), "{file}");
    }
}

#[test]
fn what_the_system_refuses_is_named() {
    let check = |script: &str, expected: &str| {
        let error = run_native(script, &[]).result.expect_err(script);
        assert!(error.message.contains(expected), "{script}: {error}");
    };
    check("load(\"other.dat\");", "failed to load 'other.dat': no such file");
    check(
        "load(\"one.dat\").allocations().save_as_graph(\"/proc/none/x.svg\");",
        "failed to create \"/proc/none/x.svg\": ",
    );
    check("mkdir_p(\"/proc/none\");", "failed to create '/proc/none': ");
    check("chdir(\"/proc/none\");", "failed to chdir to '/proc/none': ");
    check("allocations();", "no globally loaded allocations");
}
