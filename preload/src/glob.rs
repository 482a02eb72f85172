//! Files that a pattern such as `/etc/*.conf` names, found without the C library: its `glob` allocates.
//!
//! `*` and `?` stand for any characters and for one, but not for a slash nor for a dot at a name's start; `[a-z]`
//! stands for one of these and `[!a-z]` for one of the others; `**` as a whole part stands for any folders.

use core::ops::ControlFlow;
use std::ffi::CString;

use crate::sys::{self, Open};

/// So deep are folders searched for `**`.
const DEPTH_MAX: usize = 32;

/// Calls `visit` with every regular file that the pattern names, in order, until it breaks off.
pub(crate) fn for_each_file<B>(
    pattern: &[u8],
    visit: &mut impl FnMut(&[u8]) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let (start, rest) = match pattern.strip_prefix(b"/") {
        Some(rest) => (&b"/"[..], rest),
        None => (&b""[..], pattern),
    };
    let parts: Vec<_> = rest.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).collect();
    descend(start, &parts, DEPTH_MAX, visit)
}

fn descend<B>(
    folder: &[u8],
    parts: &[&[u8]],
    depth: usize,
    visit: &mut impl FnMut(&[u8]) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let Some((part, rest)) = parts.split_first() else {
        return if is_file(folder) { visit(folder) } else { ControlFlow::Continue(()) };
    };
    if *part == b"**" {
        descend(folder, rest, depth, visit)?;
        let folders = names(folder).into_iter().filter(|name| name.is_folder && !is_hidden(&name.text));
        return folders.filter(|_| depth > 0).try_for_each(|name| {
            let (inner, depth) = (join(folder, &name.text), depth.saturating_sub(1));
            descend(&inner, parts, depth, visit)
        });
    }
    if !part.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[')) {
        return descend(&join(folder, part), rest, depth, visit);
    }
    let shown = |name: &Name| !is_hidden(&name.text) || part.starts_with(b".");
    let fitting = names(folder).into_iter().filter(|name| shown(name) && fits(part, &name.text));
    fitting.into_iter().try_for_each(|name| descend(&join(folder, &name.text), rest, depth, visit))
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let separator: &[u8] = if folder.is_empty() || folder.ends_with(b"/") { b"" } else { b"/" };
    [folder, separator, name].concat()
}

fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".")
}

fn is_file(path: &[u8]) -> bool {
    CString::new(path).is_ok_and(|path| sys::is_regular_file(&path))
}

/// An entry of a folder. What a link leads to is not known here.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    text: Vec<u8>,
    is_folder: bool,
}

/// The names in a folder, in order; none if it can't be read.
pub(crate) fn names_in(folder: &[u8]) -> Vec<Vec<u8>> {
    names(folder).into_iter().map(|name| name.text).collect()
}

/// A folder's entries, in order; none if it can't be read.
fn names(folder: &[u8]) -> Vec<Name> {
    let mut names = Vec::new();
    let Ok(path) = CString::new(if folder.is_empty() { b"." } else { folder }) else { return names };
    let Ok(descriptor) = sys::open(&path, Open::Read) else { return names };
    let mut buffer = [0; 4096];
    while let Ok(filled @ 1..) = sys::read_folder(descriptor, &mut buffer) {
        let mut entries = buffer.get(..filled).unwrap_or_default();
        while let Some((name, rest)) = first_entry(entries) {
            entries = rest;
            names.extend(name);
        }
    }
    sys::close(descriptor);
    names.sort_unstable();
    names
}

/// Takes a `struct linux_dirent64`: inode, offset, length of the record in 2 bytes, type in one, name and a NUL.
fn first_entry(entries: &[u8]) -> Option<(Option<Name>, &[u8])> {
    let len = entries.get(16..18).and_then(|len| len.try_into().ok()).map(u16::from_le_bytes)?;
    let (entry, rest) = entries.split_at_checked(usize::from(len).max(1))?;
    let text = entry.get(19..).and_then(|name| name.split(|&byte| byte == 0).next()).unwrap_or_default();
    let is_folder = entry.get(18) == Some(&libc::DT_DIR);
    let name = (!matches!(text, b"" | b"." | b"..")).then(|| Name { text: text.to_vec(), is_folder });
    Some((name, rest))
}

/// Whether a name is what a part of a pattern stands for.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut rest) = (pattern, name);
    // Where to go on if this fails: behind the last star, with one more character given to it.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let Some(after) = at.strip_prefix(b"*") {
            retry = Some((after, rest));
            at = after;
            continue;
        }
        let step = rest.split_first().and_then(|(&byte, left)| Some((one(at, byte)?, left)));
        if let Some(next) = step {
            (at, rest) = next;
        } else if at.is_empty() && rest.is_empty() {
            return true;
        } else {
            let Some((after, [_, left @ ..])) = retry else { return false };
            retry = Some((after, left));
            (at, rest) = (after, left);
        }
    }
}

/// What is left of the pattern once its first element has stood for `byte`.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (&first, rest) = pattern.split_first()?;
    match first {
        b'?' => Some(rest),
        b'[' => match class(rest) {
            Some((set, rest)) => is_in(set, byte).then_some(rest),
            None => (byte == b'[').then_some(rest),
        },
        _ => (first == byte).then_some(rest),
    }
}

/// What stands between the brackets, and what follows. A bracket at the start stands for itself.
fn class(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let skipped = usize::from(rest.starts_with(b"!"));
    let first = skipped + usize::from(rest.get(skipped) == Some(&b']'));
    let end = first + rest.get(first..)?.iter().position(|&byte| byte == b']')?;
    Some((rest.get(..end)?, rest.get(end + 1..)?))
}

fn is_in(set: &[u8], byte: u8) -> bool {
    let (wanted, mut set) = match set.strip_prefix(b"!") {
        Some(set) => (false, set),
        None => (true, set),
    };
    let mut found = false;
    while let Some((&first, rest)) = set.split_first() {
        if let [b'-', last, after @ ..] = rest {
            found |= (first..=*last).contains(&byte);
            set = after;
        } else {
            found |= first == byte;
            set = rest;
        }
    }
    found == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_names() {
        for (pattern, name) in [
            ("a.txt", "a.txt"),
            ("*.txt", "a.b.txt"),
            ("a*b*c", "a-b-b-c"),
            ("*", ""),
            ("?x", "yx"),
            ("[a-c]1", "b1"),
            ("[!a-c]1", "d1"),
            ("[]x]", "]"),
            ("[-a]", "-"),
            ("a[", "a["),
        ] {
            assert!(fits(pattern.as_bytes(), name.as_bytes()), "`{pattern}` `{name}`");
        }
        for (pattern, name) in
            [("*.txt", "a.txt2"), ("?", ""), ("[a-c]", "d"), ("[!a-c]", "a"), ("a", "ab"), ("a*b", "a-c")]
        {
            assert!(!fits(pattern.as_bytes(), name.as_bytes()), "`{pattern}` `{name}`");
        }
    }

    #[test]
    fn files_of_all_folders_are_found_in_order() {
        let folder = std::env::temp_dir().join(format!("bytehound-glob-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("b/c")).unwrap();
        for file in ["z.txt", "a.txt", ".hidden.txt", "b/one.txt", "b/c/two.txt", "b/c/two.log"] {
            std::fs::write(folder.join(file), "").unwrap();
        }
        let found = |pattern: &str| {
            let mut found = Vec::new();
            let whole = folder.join(pattern);
            let _ = for_each_file::<()>(whole.as_os_str().as_encoded_bytes(), &mut |path| {
                let path = String::from_utf8(path.to_vec()).unwrap();
                found.push(path.strip_prefix(folder.to_str().unwrap()).unwrap().to_owned());
                ControlFlow::Continue(())
            });
            found
        };
        assert_eq!(found("*.txt"), ["/a.txt", "/z.txt"]);
        assert_eq!(found("*"), ["/a.txt", "/z.txt"]);
        assert_eq!(found(".*.txt"), ["/.hidden.txt"]);
        assert_eq!(found("?/*.txt"), ["/b/one.txt"]);
        assert_eq!(found("**/*.txt"), ["/a.txt", "/z.txt", "/b/one.txt", "/b/c/two.txt"]);
        assert_eq!(found("b/c/two.log"), ["/b/c/two.log"]);
        assert_eq!(found("nowhere/*"), [""; 0]);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
