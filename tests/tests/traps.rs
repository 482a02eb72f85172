//! The page of traps keeps its word: each has a test that exists, or a sentence in the limits that is there.

use bytehound_tests::root;

/// The two cells of each row of the page's tables.
fn rows(page: &str) -> Vec<(&str, &str)> {
    let lines = page.lines().filter(|line| line.starts_with("| "));
    let cells =
        lines.map(|line| line.trim_matches(['|', ' ']).split_once(" | ").expect("a row has two cells"));
    cells.filter(|(trap, _)| *trap != "trap").collect()
}

/// Whether `file::test` is a test of ours, or `path/of/a/file.rs::function` a function there.
fn exists(reference: &str) -> bool {
    let Some((place, name)) = reference.split_once("::") else { return false };
    let path = if place.contains('/') {
        root().join(place)
    } else {
        root().join("tests/tests").join(format!("{place}.rs"))
    };
    let source = std::fs::read_to_string(path).unwrap_or_default();
    source.contains(&format!("fn {name}("))
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_trap_has_a_test_or_a_sentence_in_the_limits() {
    let read =
        |name: &str| std::fs::read_to_string(root().join("docs").join(name)).expect("the page is there");
    let (page, limits) = (read("traps.md"), words(&read("limits.md")));
    let rows = rows(&page);
    assert!(rows.len() > 50, "only {} traps were found: the check is broken", rows.len());
    for (trap, held_by) in rows {
        if let Some(quoted) = held_by.strip_prefix("limits: ") {
            assert!(
                limits.contains(&words(quoted.trim_matches('"'))),
                "{trap}: the limits do not say {quoted}"
            );
            continue;
        }
        for reference in held_by.split(", ") {
            assert!(exists(reference.trim_matches('`')), "{trap}: there is no {reference}");
        }
    }
}
