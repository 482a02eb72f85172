//! On the command line scripts write real files and load more data.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytehound_dsl::{Environment, Limits, Outcome, OutputItem, Printing, ProfileSource, Shelf, run};
use bytehound_index::{Cancel, Profile};
use support::Captures;

struct One(Arc<Profile>);

impl ProfileSource for One {
    fn load(&self, path: &str) -> Result<Arc<Profile>, String> {
        if path == "one.dat" { Ok(Arc::clone(&self.0)) } else { Err("no such file".to_owned()) }
    }
}

impl Shelf for One {
    fn profile(&self, name: &str) -> Result<Arc<Profile>, String> {
        if name == self.0.id().as_str() {
            Ok(Arc::clone(&self.0))
        } else {
            Err("there is no such".to_owned())
        }
    }

    fn labelled(&self, labels: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
        let wanted = BTreeMap::from([("run".to_owned(), "1".to_owned())]);
        let count = match labels.get("copies") {
            Some(copies) => copies.parse().map_err(|_| format!("`{copies}` is no number"))?,
            None => usize::from(*labels == wanted),
        };
        Ok(vec![self.0.id().to_string(); count])
    }
}

fn run_native(script: &str, arguments: &[&str]) -> Outcome {
    run_printing(script, arguments, Printing::AtOnce)
}

fn run_printing(script: &str, arguments: &[&str], printing: Printing) -> Outcome {
    let captures = Captures::new();
    let one = Arc::new(One(captures.golden("realloc.decoded")));
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let (source, shelf) = (Arc::clone(&one) as Arc<dyn ProfileSource>, one);
    let environment = Environment::Native { arguments, printing, source, shelf };
    run(script, &[], environment, &Limits::relaxed(), &Cancel::default())
}

#[test]
fn what_is_printed_and_written_can_be_kept_instead() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("all.svg");
    let script = "println(1); load(\"one.dat\").allocations().save_as_graph(argv()[0]); println(2);";
    let outcome = run_printing(script, &[path.to_str().unwrap()], Printing::Kept);
    assert_eq!(outcome.result, Ok(()));
    let [
        OutputItem::Println(first),
        OutputItem::Image { path: named, bytes, checksum },
        OutputItem::Println(_),
    ] = &outcome.output[..]
    else {
        panic!("{:?}", outcome.output.len())
    };
    assert_eq!((first.as_str(), named.as_str(), checksum.len()), ("1", path.to_str().unwrap(), 32));
    assert_eq!(std::fs::read(&path).unwrap(), **bytes);
}

#[test]
fn profiles_that_are_kept_are_found_by_id_and_by_labels() {
    let script = r#"
        let run = profiles(#{ run: 1 })[0];
        println(profile(run.id()).allocations().len() == run.allocations().len());
        println(profiles(#{ run: "2" }).len());
        println(profiles().len());
        println(profiles(#{ copies: 64 }).len());
    "#;
    let outcome = run_printing(script, &[], Printing::Kept);
    assert_eq!(outcome.result, Ok(()));
    let lines: Vec<_> = ["true", "0", "0", "64"].map(|line| OutputItem::Println(line.to_owned())).into();
    assert_eq!(outcome.output, lines);

    let check = |script: &str, expected: &str| {
        let error = run_native(script, &[]).result.expect_err(script);
        assert!(error.message.contains(expected), "{script}: {error}");
    };
    check("profile(\"x\");", "failed to open profile 'x': there is no such");
    check(
        "profiles(#{ run: [1] });",
        "`profiles` expected the value of each label as a String or an Integer",
    );
    check(
        "profiles(#{ copies: 65 });",
        "65 profiles have these labels, and a script gets at most 64 at once",
    );
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
