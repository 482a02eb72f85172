//! The paths that patterns such as `memory-profiling_%e_%t_%p.dat` become.

/// What the placeholders of a path stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placeholders<'a> {
    pub(crate) process: u32,
    pub(crate) seconds: u64,
    pub(crate) executable: &'a [u8],
}

impl Placeholders<'_> {
    /// Fills a pattern in: `%p`, `%t`, `%e`, `%n` and `%%`. Others vanish. A number that the pattern has no
    /// place for stands before the extension, unless it is 0.
    pub(crate) fn expand(&self, pattern: &[u8], number: u64) -> Vec<u8> {
        let mut path = Vec::with_capacity(2 * pattern.len());
        let mut has_number = false;
        let mut bytes = pattern.iter();
        while let Some(&byte) = bytes.next() {
            if byte != b'%' {
                path.push(byte);
                continue;
            }
            match bytes.next() {
                Some(b'p') => path.extend_from_slice(self.process.to_string().as_bytes()),
                Some(b't') => path.extend_from_slice(self.seconds.to_string().as_bytes()),
                Some(b'e') => path.extend_from_slice(self.executable),
                Some(b'n') => {
                    has_number = true;
                    path.extend_from_slice(number.to_string().as_bytes());
                }
                Some(b'%') => path.push(b'%'),
                _ => {}
            }
        }
        if number != 0 && !has_number {
            let at = extension_start(&path);
            path.splice(at..at, format!("-{number}").into_bytes());
        }
        path
    }
}

/// Where the extension of a path's last part begins; its end if there is none.
fn extension_start(path: &[u8]) -> usize {
    let name = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let dot = path.iter().rposition(|&byte| byte == b'.');
    dot.filter(|&dot| dot > name).unwrap_or(path.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in_and_unknown_ones_vanish() {
        let placeholders = Placeholders { process: 12, seconds: 99, executable: b"cat" };
        let check = |pattern: &str, expected: &str| {
            assert_eq!(placeholders.expand(pattern.as_bytes(), 0), expected.as_bytes());
        };
        check("memory-profiling_%e_%t_%p.dat", "memory-profiling_cat_99_12.dat");
        check("y%n%q%%z.dat", "y0%z.dat");
        check("end%", "end");
    }

    #[test]
    fn later_programs_of_a_process_have_numbered_files() {
        let placeholders = Placeholders { process: 12, seconds: 99, executable: b"my.cat" };
        let check = |pattern: &str, expected: &str| {
            assert_eq!(placeholders.expand(pattern.as_bytes(), 2), expected.as_bytes());
        };
        check("/a.b/%e.dat", "/a.b/my.cat-2.dat");
        check("/a.b/capture", "/a.b/capture-2");
        check("/a.b/.capture", "/a.b/.capture-2");
        check("%n.dat", "2.dat");
    }
}
