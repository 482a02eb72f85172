//! Flame graphs of bytes: folded stacks, and their picture by inferno.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::str::FromStr as _;

use bytehound_index::{BacktraceId, Cancel, Frame, Group, IndexError, Profile, RowSet};
use inferno::flamegraph::color::{BackgroundColor, BasicPalette};
use inferno::flamegraph::{self, Options, Palette};

use crate::failure::Failure;

const FONTS: &str = r#""Segoe UI", "Source Sans Pro", Calibri, Candara, Arial, sans-serif"#;
const NOTHING: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1200\" height=\"80\" viewBox=\"0 0 1200 80\">\
    <text x=\"600\" y=\"45\" font-family=\"sans-serif\" font-size=\"14\" text-anchor=\"middle\">\
    No bytes allocated</text></svg>\n";

/// The interactive flame graph, as SVG, of the bytes that `rows` asked for.
///
/// # Errors
/// When `cancel` says so, or the picture can't be made; the text is for a person.
pub fn flame_graph(profile: &Profile, rows: &RowSet, cancel: &Cancel) -> Result<String, String> {
    of_rows(profile, rows, cancel).map_err(|failure| failure.to_string())
}

/// One line for every stack of `rows`, sorted: its frames from the outermost, joined by `;`, and the bytes asked for.
///
/// # Errors
/// When `cancel` says so.
pub fn folded(profile: &Profile, rows: &RowSet, cancel: &Cancel) -> Result<String, IndexError> {
    Ok(fold(profile, &profile.groups_of(rows, cancel)?))
}

pub(crate) fn of_rows(profile: &Profile, rows: &RowSet, cancel: &Cancel) -> Result<String, Failure> {
    draw(&folded(profile, rows, cancel)?)
}

pub(crate) fn of_groups(profile: &Profile, groups: &[Group]) -> Result<String, Failure> {
    draw(&fold(profile, groups))
}

fn fold(profile: &Profile, groups: &[Group]) -> String {
    // Different backtraces can look the same once addresses are names.
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for group in groups {
        *lines.entry(stack(profile, group.backtrace)).or_default() += group.bytes;
    }
    lines.into_iter().fold(String::new(), |mut text, (stack, bytes)| {
        // Writing into a string can't fail.
        _ = writeln!(text, "{stack} {bytes}");
        text
    })
}

fn stack(profile: &Profile, backtrace: BacktraceId) -> String {
    let frames: Vec<String> = profile.backtrace(backtrace).frames().map(|frame| label(&frame)).collect();
    if frames.is_empty() { "???".to_owned() } else { frames.join(";") }
}

fn label(frame: &Frame<'_>) -> String {
    let library = frame.library.unwrap_or("???");
    match frame.name() {
        Some(function) => format!("{} [{}]", harmless(function), harmless(library)),
        None => format!("0x{:016X} [{}]", frame.address, harmless(library)),
    }
}

/// A `;` would begin another frame, a line end another stack, and other control characters are no XML.
fn harmless(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            ';' => ':',
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => ' ',
            c => c,
        })
        .collect()
}

fn draw(folded: &str) -> Result<String, Failure> {
    // What asked for nothing has no width.
    let mut lines = folded.lines().filter(|line| !line.ends_with(" 0")).peekable();
    if lines.peek().is_none() {
        return Ok(NOTHING.to_owned());
    }
    let mut options = Options::default();
    options.colors = Palette::Basic(BasicPalette::Mem);
    options.bgcolors = BackgroundColor::from_str("#ffffff").ok();
    options.title = String::new();
    options.count_name = "bytes".to_owned();
    options.font_type = FONTS.to_owned();
    // The same name has the same colour in every picture.
    options.hash = true;
    let mut picture = Vec::new();
    flamegraph::from_lines(&mut options, lines, &mut picture)
        .map_err(|error| Failure::Flame(error.to_string()))?;
    String::from_utf8(picture).map_err(|error| Failure::Flame(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_text() {
        let name = harmless("<script>alert('x')</script>;\n\u{1b}&\u{0}");
        assert_eq!(name, "<script>alert('x')</script>:  & ");
        let picture = draw(&format!("main [a];{name} [b] 10\n")).unwrap();
        assert!(!picture.contains("<script>alert"));
        assert!(picture.contains("&lt;script&gt;alert"));
    }

    #[test]
    fn nothing_gives_a_picture_that_says_so() {
        for folded in ["", "main [a] 0\n"] {
            assert!(draw(folded).unwrap().contains("No bytes allocated"));
        }
    }
}
