//! `/proc/PID/maps`: which part of which file lies where in a process.

/// One line: a range of addresses, and what is mapped there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MapEntry {
    /// The first address.
    pub start: u64,
    /// The address after the last one.
    pub end: u64,
    /// May be read.
    pub readable: bool,
    /// May be written.
    pub writable: bool,
    /// May be executed.
    pub executable: bool,
    /// Writes are seen by others (`MAP_SHARED`).
    pub shared: bool,
    /// Where in the file the mapping starts.
    pub file_offset: u64,
    /// Major number of the file's device.
    pub major: u32,
    /// Minor number of the file's device.
    pub minor: u32,
    /// The file's inode; zero without a file.
    pub inode: u64,
    /// The file's path or a kernel's name in brackets, as the kernel wrote it; may be empty.
    pub name: String,
}

impl MapEntry {
    /// Whether code of a binary may lie here: a private mapping of a file, or the kernel's own library.
    pub(crate) fn holds_a_module(&self) -> bool {
        !self.shared && !self.name.is_empty() && (self.inode != 0 || self.name == "[vdso]")
    }
}

/// Reads the text of `/proc/PID/maps`. Lines that are none are skipped: the text may be cut, or damaged.
pub fn parse_maps(text: &str) -> Vec<MapEntry> {
    text.split('\n').filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<MapEntry> {
    let (range, rest) = next_field(line)?;
    let (permissions, rest) = next_field(rest)?;
    let (file_offset, rest) = next_field(rest)?;
    let (device, rest) = next_field(rest)?;
    let (inode, name) = next_field(rest)?;
    let (start, end) = range.split_once('-')?;
    let (major, minor) = device.split_once(':')?;
    let &[read, write, execute, share] = permissions.as_bytes() else {
        return None;
    };
    let entry = MapEntry {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        readable: read == b'r',
        writable: write == b'w',
        executable: execute == b'x',
        shared: share == b's',
        file_offset: u64::from_str_radix(file_offset, 16).ok()?,
        major: u32::from_str_radix(major, 16).ok()?,
        minor: u32::from_str_radix(minor, 16).ok()?,
        inode: inode.parse().ok()?,
        // Only the padding before the name is the kernel's: a path may end in spaces.
        name: name.trim_start_matches(' ').to_owned(),
    };
    (entry.start < entry.end).then_some(entry)
}

fn next_field(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(' ');
    let (field, rest) = text.split_once(' ').unwrap_or((text, ""));
    (!field.is_empty()).then_some((field, rest))
}
