//! `GET /data/{id}/export/heaptrack`: a data file of heaptrack.
//!
//! Lines are records; numbers are hexadecimal. What is named by a number was defined before, in the order of the numbers:
//!
//! | line | |
//! |---|---|
//! | `v 10100 2` | versions of heaptrack and of the format |
//! | `X path` | the program |
//! | `s text` | a string; from 1 |
//! | `i address module [function [file line]]` | a place in the code; from 1 |
//! | `t place parent` | a node of the tree of stacks; from 1, and 0 is the root |
//! | `a size stack` | what allocations have in common; from 0 |
//! | `c ms` | what follows happened then |
//! | `+ a`, `- a` | an allocation, and its end |

use super::filter::Filter;
use super::one_line::one_line;
use super::page::unread;
use super::{Answer, BYTES, streamed};
use crate::parameters::Parameters;
use crate::state::Api;
use actix_web::HttpRequest;
use bytehound_index::{BacktraceId, Frame, FrameId, Operation, Profile, Row};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::io::{self, Write};

/// Matched allocations, for heaptrack to look at.
pub(crate) async fn heaptrack(api: Api, request: HttpRequest) -> Answer {
    let filter = Filter::of_allocations(&Parameters::of(&request))?;
    streamed(&api, &request, BYTES, move |profile, writer, cancel| {
        let rows = profile.rows(&*filter.selection(profile, cancel)?, cancel)?;
        let mut export = Export::new(profile, writer);
        export.begin().map_err(unread)?;
        profile.operations(&rows).try_for_each(|operation| export.operation(operation)).map_err(unread)
    })
    .await
}

struct Export<'p, 'w, W> {
    profile: &'p Profile,
    writer: &'w mut W,
    strings: HashMap<&'p str, usize>,
    places: HashMap<FrameId, usize>,
    /// By place and parent.
    nodes: HashMap<(usize, usize), usize>,
    stacks: HashMap<BacktraceId, usize>,
    /// By usable size and stack.
    kinds: HashMap<(u64, usize), usize>,
    now_us: Option<u64>,
}

impl<'p, 'w, W: Write> Export<'p, 'w, W> {
    fn new(profile: &'p Profile, writer: &'w mut W) -> Self {
        Self {
            profile,
            writer,
            strings: HashMap::new(),
            places: HashMap::new(),
            nodes: HashMap::new(),
            stacks: HashMap::new(),
            kinds: HashMap::new(),
            now_us: None,
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        writeln!(self.writer, "v 10100 2\nX {}", one_line(&self.profile.manifest().executable))
    }

    fn operation(&mut self, operation: Operation) -> io::Result<()> {
        match operation {
            Operation::Allocate(row) => self.allocate(row),
            Operation::Free(row) => self.free(row),
            Operation::Reallocate { old, new } => {
                self.free(old)?;
                self.allocate(new)
            }
        }
    }

    fn allocate(&mut self, row: Row) -> io::Result<()> {
        let allocation = self.profile.allocation(row);
        let stack = self.stack(allocation.backtrace)?;
        self.pass_time(allocation.birth_us)?;
        let kind = (allocation.usable_size(), stack);
        let (number, is_new) = number(&mut self.kinds, kind, 0);
        if is_new {
            writeln!(self.writer, "a {:x} {stack:x}", kind.0)?;
        }
        writeln!(self.writer, "+ {number:x}")
    }

    fn free(&mut self, row: Row) -> io::Result<()> {
        let allocation = self.profile.allocation(row);
        let stack = self.stack(allocation.backtrace)?;
        self.pass_time(allocation.death_us.unwrap_or(allocation.birth_us))?;
        // It was allocated before.
        let (number, _) = number(&mut self.kinds, (allocation.usable_size(), stack), 0);
        writeln!(self.writer, "- {number:x}")
    }

    fn pass_time(&mut self, at_us: u64) -> io::Result<()> {
        if self.now_us.replace(at_us) == Some(at_us) {
            return Ok(());
        }
        let ms = at_us.saturating_sub(self.profile.manifest().start_us) / 1000;
        writeln!(self.writer, "c {ms:x}")
    }

    /// The node of a backtrace. The innermost frame is the allocator; what is inlined has no place of its own.
    fn stack(&mut self, id: BacktraceId) -> io::Result<usize> {
        if let Some(node) = self.stacks.get(&id) {
            return Ok(*node);
        }
        let backtrace = self.profile.backtrace(id);
        let callers = backtrace.frame_ids().zip(backtrace.frames()).take(backtrace.len().saturating_sub(1));
        let mut node = 0;
        for (id, frame) in callers.filter(|(_, frame)| !frame.is_inline) {
            let place = self.place(id, &frame)?;
            let (next, is_new) = number(&mut self.nodes, (place, node), 1);
            if is_new {
                writeln!(self.writer, "t {place:x} {node:x}")?;
            }
            node = next;
        }
        self.stacks.insert(id, node);
        Ok(node)
    }

    fn place(&mut self, id: FrameId, frame: &Frame<'p>) -> io::Result<usize> {
        if let Some(place) = self.places.get(&id) {
            return Ok(*place);
        }
        let module = frame.library.map_or(Ok(0), |library| self.string(library))?;
        let mut line = format!("i {:x} {module:x}", frame.address);
        if let Some(function) = frame.name() {
            line += &format!(" {:x}", self.string(function)?);
            if let (Some(source), Some(number)) = (frame.source, frame.line) {
                line += &format!(" {:x} {number:x}", self.string(source)?);
            }
        }
        writeln!(self.writer, "{line}")?;
        Ok(number(&mut self.places, id, 1).0)
    }

    fn string(&mut self, text: &'p str) -> io::Result<usize> {
        let (number, is_new) = number(&mut self.strings, text, 1);
        if is_new {
            writeln!(self.writer, "s {}", one_line(text))?;
        }
        Ok(number)
    }
}

/// The number of a key, and whether it has got it just now; the first one's is `first`.
fn number<K: Hash + Eq>(numbers: &mut HashMap<K, usize>, key: K, first: usize) -> (usize, bool) {
    let next = numbers.len() + first;
    match numbers.entry(key) {
        Entry::Occupied(known) => (*known.get(), false),
        Entry::Vacant(place) => (*place.insert(next), true),
    }
}
