//! What is wrong with a capture: counted while it is read, told in sentences.

/// Sentences kept of things that are told one by one: lists of profiles hold them all.
const NOTES_MAX: usize = 8;
/// Letters of one sentence, for the same reason.
const NOTE_LETTERS_MAX: usize = 300;

/// Counts of what was met.
#[derive(Debug, Default)]
pub(super) struct Defects {
    /// An allocation whose id another live block already has.
    pub(super) duplicate_ids: u64,
    /// An allocation at an address that another live block already has.
    pub(super) missed_frees: u64,
    /// A free of a block that was never seen.
    pub(super) unknown_frees: u64,
    /// A realloc, by id, of a block that was never seen.
    pub(super) unknown_reallocs: u64,
    /// A realloc, by address, of a block that was never seen.
    pub(super) older_blocks: u64,
    /// A death stamped before the birth of its block.
    pub(super) early_deaths: u64,
    /// An allocation larger than any address space.
    pub(super) impossible_sizes: u64,
    /// A stack trace that is referred to and never told.
    pub(super) unknown_backtraces: u64,
    /// A frame or string that is referred to and never told.
    pub(super) unknown_frames: u64,
    /// A later header that speaks of another process.
    pub(super) foreign_headers: u64,
    /// A map with the id of another one.
    pub(super) duplicate_maps: u64,
    /// A map, or an amount of its memory, larger than any address space.
    pub(super) impossible_maps: u64,
    /// A change of a region that was never listed.
    pub(super) unknown_regions: u64,
    /// Events that the capture library could not keep.
    pub(super) dropped_events: u64,
    notes: Vec<String>,
    notes_left_out: u64,
}

impl Defects {
    /// A sentence of its own.
    pub(super) fn note(&mut self, sentence: &str) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(sentence.chars().take(NOTE_LETTERS_MAX).collect());
        } else {
            self.notes_left_out += 1;
        }
    }

    /// Adds what was met where births and deaths are matched.
    pub(super) fn add_matching(&mut self, other: &Self) {
        self.duplicate_ids += other.duplicate_ids;
        self.missed_frees += other.missed_frees;
        self.unknown_frees += other.unknown_frees;
        self.unknown_reallocs += other.unknown_reallocs;
        self.older_blocks += other.older_blocks;
        self.early_deaths += other.early_deaths;
        self.impossible_sizes += other.impossible_sizes;
    }

    /// Everything, one sentence each.
    pub(super) fn sentences(&self) -> Vec<String> {
        let counted = [
            (
                self.missed_frees,
                "allocations at the address of a live block: that block counts as freed then",
            ),
            (self.dropped_events, "events were lost while the program ran: there was no room for them"),
            (self.duplicate_ids, "allocations with the id of a live block were left out"),
            (self.unknown_frees, "frees of blocks that were never seen allocated were left out"),
            (self.unknown_reallocs, "reallocs of blocks that were never seen allocated were left out"),
            (self.older_blocks, "reallocs of blocks that were never seen allocated count as allocations"),
            (self.early_deaths, "frees stamped before the birth of their block were moved to that moment"),
            (self.impossible_sizes, "allocations of an impossible size were left out"),
            (
                self.unknown_backtraces,
                "stack traces are referred to but missing: these allocations show no frames",
            ),
            (self.unknown_frames, "frames or strings are referred to but missing"),
            (self.foreign_headers, "later headers name another process: they were ignored"),
            (self.duplicate_maps, "calls of mmap with the id of another one were left out"),
            (self.impossible_maps, "events of mapped memory of an impossible size were left out"),
            (self.unknown_regions, "changes of mapped memory that was never listed were left out"),
            (self.notes_left_out, "more remarks of the kind above were left out"),
        ];
        let counted = counted.iter().filter(|(count, _)| *count > 0);
        self.notes.iter().cloned().chain(counted.map(|(count, what)| format!("{count} {what}"))).collect()
    }
}
