//! The documentation has the table as it is.

use bytehound_settings::TABLE;
use std::path::Path;

#[test]
fn the_documentation_has_every_setting_with_its_default_and_its_meaning() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/capture.md");
    let text = std::fs::read_to_string(path).unwrap();
    let documented: Vec<_> = text.lines().filter(|line| line.starts_with("| `MEMORY_PROFILER_")).collect();
    let rows = TABLE.iter().filter(|setting| !setting.meaning.is_empty());
    let expected: Vec<_> = rows
        .map(|setting| format!("| `{}` | {} | {} |", setting.variable(), setting.default, setting.meaning))
        .collect();
    assert_eq!(documented, expected, "docs/capture.md should have:\n{}", expected.join("\n"));
}
