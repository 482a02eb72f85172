//! Percent-encoding of one segment of a path.

/// `text` with everything but letters, digits, `-`, `.`, `_` and `~` encoded.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_cannot_leave_its_segment() {
        assert_eq!(super::encode("Graph #1.svg"), "Graph%20%231.svg");
        assert_eq!(super::encode("../ä?"), "..%2F%C3%A4%3F");
    }
}
