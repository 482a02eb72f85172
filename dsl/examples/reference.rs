//! Prints the reference of the scripting language as `docs/dsl.md` contains it.

use std::fmt::Write as _;

#[cfg_attr(test, expect(dead_code, reason = "the test compares the text only"))]
fn main() {
    print!("{}", reference_text());
}

/// One section for every type, one row for every function.
pub(crate) fn reference_text() -> String {
    let mut text = String::new();
    let mut section = None;
    for entry in bytehound_dsl::reference() {
        if section != Some(entry.receiver) {
            section = Some(entry.receiver);
            let title = if entry.receiver.is_empty() { "Global functions" } else { entry.receiver };
            let title = title.replace('<', "\\<");
            // Writing into a string can't fail.
            _ = write!(text, "\n### {title}\n\n| call | meaning | example |\n|---|---|---|\n");
        }
        let [form, example] = [entry.form(), entry.example].map(|code| code.replace('|', "\\|"));
        _ = writeln!(text, "| `{form}` | {} | `{example}` |", entry.meaning);
    }
    text
}
