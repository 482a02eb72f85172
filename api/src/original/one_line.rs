//! Names as text in lines: what is in a name ends no line, and steers no terminal.

/// The text with a space for each control character.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
