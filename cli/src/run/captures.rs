//! Which files a run has made: those that its output pattern can have become.

use super::file_name;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Clocks of file systems are coarse: a file may look this much older than it is.
const CLOCK_SLACK: Duration = Duration::from_secs(2);

/// Whose captures are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Processes {
    /// The one with this id.
    One(u32),
    /// It may have started others.
    All,
}

/// An output pattern, with what is known of its placeholders.
pub(crate) struct Pattern {
    folder: PathBuf,
    pieces: Vec<Piece>,
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Digits,
    Anything,
}

impl Pattern {
    /// The pattern as these processes fill it.
    pub(crate) fn new(pattern: &Path, processes: Processes) -> Self {
        let folder = pattern.parent().unwrap_or(Path::new(".")).to_path_buf();
        Self { folder, pieces: pieces(file_name(pattern).as_encoded_bytes(), processes) }
    }

    /// Files that match and that were written since; with their sizes, by name.
    pub(crate) fn find_since(&self, start: SystemTime) -> Vec<(PathBuf, u64)> {
        let earliest = start.checked_sub(CLOCK_SLACK).unwrap_or(start);
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut found: Vec<_> = entries
            .filter(|entry| self.is_made_of(entry.file_name().as_encoded_bytes()))
            .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
            .filter(|(_, metadata)| metadata.modified().is_ok_and(|modified| modified >= earliest))
            .map(|(path, metadata)| (path, metadata.len()))
            .collect();
        found.sort();
        found
    }

    /// Whether a file's name is the pattern filled in; or that with a number, as captures of the programs that a process
    /// executes after its first have it: `name.dat`, `name-1.dat`, ….
    fn is_made_of(&self, name: &[u8]) -> bool {
        matches(name, &self.pieces) || without_number(name).is_some_and(|name| matches(&name, &self.pieces))
    }
}

/// `name.dat` of `name-1.dat`.
fn without_number(name: &[u8]) -> Option<Vec<u8>> {
    let end = name.iter().rposition(|byte| *byte == b'.').unwrap_or(name.len());
    let (stem, extension) = name.split_at(end);
    let digits = stem.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let stem = stem[..stem.len() - digits].strip_suffix(b"-")?;
    (digits > 0).then(|| [stem, extension].concat())
}

/// `%p` may be known; `%t` and `%n` are numbers; `%e` is anything, since what runs may execute something else; `%%` is a
/// percent sign, and any other placeholder vanishes.
fn pieces(pattern: &[u8], processes: Processes) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = Vec::new();
    let mut bytes = pattern.iter();
    while let Some(&byte) = bytes.next() {
        let piece = match (byte, if byte == b'%' { bytes.next() } else { None }) {
            (b'%', Some(b't' | b'n')) => Piece::Digits,
            (b'%', Some(b'e')) => Piece::Anything,
            (b'%', Some(b'p')) => match processes {
                Processes::All => Piece::Digits,
                Processes::One(pid) => {
                    text.extend(pid.to_string().bytes());
                    continue;
                }
            },
            (b'%', Some(b'%')) | (b'%', None) => {
                text.push(b'%');
                continue;
            }
            (b'%', Some(_)) => continue,
            (byte, _) => {
                text.push(byte);
                continue;
            }
        };
        pieces.extend([Piece::Text(std::mem::take(&mut text)), piece]);
    }
    pieces.push(Piece::Text(text));
    pieces
}

fn matches(name: &[u8], pieces: &[Piece]) -> bool {
    let Some((piece, rest)) = pieces.split_first() else {
        return name.is_empty();
    };
    match piece {
        Piece::Text(text) => name.strip_prefix(&text[..]).is_some_and(|name| matches(name, rest)),
        Piece::Digits => {
            let digits = name.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (1..=digits).any(|length| matches(&name[length..], rest))
        }
        Piece::Anything => (0..=name.len()).any(|length| matches(&name[length..], rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Processes = Processes::One(42);

    fn fits(pattern: &str, name: &str) -> bool {
        matches(name.as_bytes(), &pieces(pattern.as_bytes(), ONE))
    }

    #[test]
    fn placeholders_match_what_they_become() {
        assert!(fits("memory-profiling_%e_%t_%p.dat", "memory-profiling_my_prog_1700000000_42.dat"));
        assert!(!fits("memory-profiling_%e_%t_%p.dat", "memory-profiling_my_prog_1700000000_43.dat"));
        assert!(fits("y%n%q%%z.dat", "y0%z.dat"));
        assert!(!fits("y%n.dat", "y.dat"));
        assert!(fits("plain.dat", "plain.dat"));
        assert!(!fits("plain.dat", "plain.dat2"));
    }

    #[test]
    fn programs_executed_later_have_numbers() {
        let pattern = Pattern::new(Path::new("runs/a_%p.dat"), ONE);
        assert!(
            ["a_42.dat", "a_42-1.dat", "a_42-17.dat"].iter().all(|name| pattern.is_made_of(name.as_bytes()))
        );
        assert!(
            !["a_42-.dat", "a_42-x.dat", "a_421.dat", "-1"]
                .iter()
                .any(|name| pattern.is_made_of(name.as_bytes()))
        );
        assert!(Pattern::new(Path::new("capture"), ONE).is_made_of(b"capture-2"));
    }

    #[test]
    fn only_files_of_this_run_are_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a_42.dat"), "1234").unwrap();
        std::fs::write(folder.path().join("a_43.dat"), "").unwrap();
        let find =
            |processes, since| Pattern::new(&folder.path().join("a_%p.dat"), processes).find_since(since);
        let now = SystemTime::now();
        assert_eq!(find(ONE, now), [(folder.path().join("a_42.dat"), 4)]);
        assert_eq!(find(Processes::All, now).len(), 2);
        assert_eq!(find(ONE, now + Duration::from_secs(3600)), []);
    }
}
