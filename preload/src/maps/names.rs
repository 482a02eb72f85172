//! Names of mappings: each distinct one is kept once, for good.

/// Number of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name(u32);

/// All names so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    text: String,
    /// Where each name ends in the text.
    ends: Vec<u32>,
}

impl Names {
    pub(super) fn get(&self, Name(number): Name) -> &str {
        let end = |number: u32| self.ends.get(number as usize).copied().unwrap_or(0) as usize;
        let start = number.checked_sub(1).map_or(0, end);
        self.text.get(start..end(number)).unwrap_or_default()
    }

    /// The number of a name. What is not text in it becomes replacement characters.
    pub(super) fn intern(&mut self, name: &[u8]) -> Name {
        let name = String::from_utf8_lossy(name);
        let numbers = 0..self.ends.len() as u32;
        numbers.map(Name).find(|&known| self.get(known) == name).unwrap_or_else(|| {
            self.text.push_str(&name);
            self.ends.push(self.text.len() as u32);
            Name(self.ends.len() as u32 - 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_is_text() {
        let mut names = Names::default();
        let [empty, one, two] = [&b""[..], b"/lib/one", b"/lib/\xfftwo"].map(|name| names.intern(name));
        assert_eq!([names.get(empty), names.get(one), names.get(two)], ["", "/lib/one", "/lib/\u{fffd}two"]);
        assert_eq!([names.intern(b"/lib/one"), names.intern(b"")], [one, empty]);
        assert_eq!(names.intern(b"/lib/\xfftwo"), two);
    }
}
