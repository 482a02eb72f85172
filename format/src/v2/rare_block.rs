//! The events of a rare block, one at a time, and events that come in pieces.

use super::block::BlockFlags;
use crate::carrier;
use crate::decode::{Outcome, decode_rare};
use crate::event::Event;
use crate::field::Field;

const TICK_LEN: usize = RareBlock::TICK_LEN;

/// A rare block whose events wait to be merged.
#[derive(Debug)]
pub(crate) struct RareBlock {
    payload: Vec<u8>,
    at: usize,
    /// Its backtraces are not nodes.
    pub(crate) own_backtraces: bool,
}

/// The event at the start of what is left of a block.
#[derive(Debug)]
pub(crate) struct RareEvent<'a> {
    pub(crate) event: Event<'a>,
    /// Bytes of the block that are its.
    pub(crate) used: usize,
    /// Bytes of contents that are too many to be handed out.
    pub(crate) skipped: Option<u64>,
}

impl RareBlock {
    /// Bytes of a tick.
    pub(crate) const TICK_LEN: usize = 8;

    pub(crate) fn new(payload: Vec<u8>, flags: BlockFlags) -> Self {
        Self { payload, at: 0, own_backtraces: flags.has(BlockFlags::OWN_BACKTRACES) }
    }

    /// The tick of the next event; none if there is none.
    pub(crate) fn tick(&self) -> Option<u64> {
        let bytes = self.payload.get(self.at..)?.first_chunk::<TICK_LEN>()?;
        Some(u64::from_le_bytes(*bytes))
    }

    /// The next event; none if the rest of the block makes no sense.
    pub(crate) fn event(&self, contents_len_max: u64) -> Option<RareEvent<'_>> {
        let bytes = self.payload.get(self.at + TICK_LEN..)?;
        match decode_rare(bytes, contents_len_max) {
            Outcome::Event { event, used } => Some(RareEvent { event, used: TICK_LEN + used, skipped: None }),
            Outcome::Oversized { event, used, contents } => {
                let used = usize::try_from(contents).ok()?.checked_add(TICK_LEN + used)?;
                Some(RareEvent { event, used, skipped: Some(contents) })
            }
            Outcome::Incomplete { .. } | Outcome::Malformed(_) => None,
        }
    }

    /// The next event, which is known to be there, and takes `used` bytes.
    pub(crate) fn take_event(&mut self, used: usize, contents_len_max: u64) -> Option<Event<'_>> {
        let start = self.at + TICK_LEN;
        self.at = self.at.saturating_add(used).min(self.payload.len());
        match decode_rare(self.payload.get(start..)?, contents_len_max) {
            Outcome::Event { event, .. } | Outcome::Oversized { event, .. } => Some(event),
            Outcome::Incomplete { .. } | Outcome::Malformed(_) => None,
        }
    }

    /// Gives up what is left.
    pub(crate) fn give_up(&mut self) {
        self.at = self.payload.len();
    }

    pub(crate) fn into_payload(self) -> Vec<u8> {
        self.payload
    }
}

/// The event that is coming in pieces.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// Its tick, and its bytes so far.
    bytes: Vec<u8>,
    flags: BlockFlags,
    /// Bytes of contents, above the limit, that are still to come.
    to_skip: u64,
    skipped: u64,
}

/// What a rare block adds.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    /// Events that can be merged.
    pub(crate) blocks: Vec<RareBlock>,
    /// Bytes of contents that were passed over because there are too many.
    pub(crate) skipped: Option<u64>,
    /// An event that lost a piece was given up.
    pub(crate) broken: bool,
}

impl Pieces {
    /// Gives up the event that is open, if there is one: a block is missing, which may have been a piece.
    pub(crate) fn give_up(&mut self) -> bool {
        self.open.take().is_some()
    }

    /// Takes a rare block.
    pub(crate) fn add(&mut self, mut payload: Vec<u8>, flags: BlockFlags, contents_len_max: u64) -> Joined {
        if flags.has(BlockFlags::CONTINUATION) {
            return self.go_on(&payload, flags, contents_len_max);
        }
        let mut joined = Joined::default();
        if flags.has(BlockFlags::CONTINUES) {
            let bytes = payload.split_off(whole_len(&payload));
            joined.broken = self.give_up();
            self.open = Some(Open { bytes: Vec::new(), flags, to_skip: 0, skipped: 0 });
            self.extend(&bytes, contents_len_max);
        }
        joined.blocks.push(RareBlock::new(payload, flags));
        joined
    }

    fn go_on(&mut self, piece: &[u8], flags: BlockFlags, contents_len_max: u64) -> Joined {
        let mut joined = Joined { broken: self.open.is_none(), ..Joined::default() };
        self.extend(piece, contents_len_max);
        if !flags.has(BlockFlags::CONTINUES)
            && let Some(open) = self.open.take()
        {
            joined.skipped = (open.skipped > 0).then_some(open.skipped);
            joined.blocks.push(RareBlock::new(open.bytes, open.flags));
        }
        joined
    }

    fn extend(&mut self, piece: &[u8], contents_len_max: u64) {
        let Some(open) = &mut self.open else { return };
        let passed = usize::try_from(open.to_skip).unwrap_or(usize::MAX).min(piece.len());
        open.to_skip -= passed as u64;
        open.bytes.extend_from_slice(piece.get(passed..).unwrap_or_default());
        let Some((tick, event)) = open.bytes.split_first_chunk::<TICK_LEN>() else { return };
        if let Outcome::Oversized { event: without, used, contents } = decode_rare(event, contents_len_max) {
            let mut bytes = Vec::new();
            u64::from_le_bytes(*tick).put(&mut bytes);
            carrier::put_bare(&without, &mut bytes);
            open.to_skip = contents.saturating_sub((event.len() - used) as u64);
            open.skipped = contents;
            open.bytes = bytes;
        }
    }
}

/// Bytes of the whole events at the start of a payload.
fn whole_len(payload: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let bytes = payload.get(at + TICK_LEN..).unwrap_or_default();
        match decode_rare(bytes, u64::MAX) {
            Outcome::Event { used, .. } => at += TICK_LEN + used,
            _ => return at,
        }
    }
}
