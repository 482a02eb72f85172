//! Blocks of which it is not known yet how long they live: found by their address, in order of their age.
//!
//! A block that a `realloc` changed stays one: all its **states**, from the first to the last, end together. At most
//! 64 bytes a state: 56, and 4 to 8 of the table.

/// What one allocation or `realloc` made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) pointer: u64,
    /// The lower 56 bits: bytes that were asked for. The upper ones are the owner's.
    pub(super) size: u64,
    /// In microseconds.
    pub(super) time: u64,
    pub(super) extra: u32,
    pub(super) stack: u32,
    pub(super) thread: u32,
    pub(super) marker: u32,
    pub(super) links: Links,
}

/// Where it stands among the others: for [`Pending`] alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Links {
    /// The next state of the block; after the last one, the first.
    next: u32,
    /// Blocks before and behind this one in order of age. Those of last states count.
    older: u32,
    newer: u32,
    /// Another one in the same bucket of the table. Of a place without a state: another such place.
    other: u32,
}

/// The last state of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u32);

/// A block that was taken out, from the state on that is next.
pub(super) struct Taken {
    next: u32,
    last: u32,
}

/// There is no memory for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// No place.
const NONE: u32 = u32::MAX;
const BUCKETS_MIN: usize = 1 << 14;

/// The blocks that wait.
pub(super) struct Pending {
    states: Vec<State>,
    vacant: u32,
    buckets: Vec<u32>,
    oldest: u32,
    newest: u32,
    len: usize,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self { states: Vec::new(), vacant: NONE, buckets: Vec::new(), oldest: NONE, newest: NONE, len: 0 }
    }

    /// How many blocks wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The block that is at this address now.
    #[inline]
    pub(super) fn find(&self, pointer: u64) -> Option<Place> {
        let mut at = *self.buckets.get(self.bucket(pointer))?;
        while at != NONE {
            let state = self.states.get(at as usize)?;
            if state.pointer == pointer {
                return Some(Place(at));
            }
            at = state.links.other;
        }
        None
    }

    /// The block that has waited longest.
    pub(super) fn oldest(&self) -> Option<Place> {
        (self.oldest != NONE).then_some(Place(self.oldest))
    }

    /// When a block was allocated.
    #[inline]
    pub(super) fn born(&self, Place(last): Place) -> u64 {
        self.state(self.state(last).links.next).time
    }

    /// Adds a block, the newest; none may be at its address.
    pub(super) fn add(&mut self, state: State) -> Result<(), Full> {
        self.grow()?;
        let at = self.place(state)?;
        self.edit(at, |links| *links = Links { next: at, older: NONE, newer: NONE, other: NONE });
        self.link(at);
        self.follow(self.newest, at);
        self.follow(at, NONE);
        self.len += 1;
        Ok(())
    }

    /// Adds a state to a block; it keeps its age.
    pub(super) fn go_on(&mut self, Place(last): Place, state: State) -> Result<(), Full> {
        let at = self.place(state)?;
        self.unlink(last);
        let links = self.state(last).links;
        self.edit(at, |ours| *ours = links);
        self.edit(last, |before| before.next = at);
        self.link(at);
        self.follow(links.older, at);
        self.follow(at, links.newer);
        Ok(())
    }

    /// Takes a block out.
    pub(super) fn take(&mut self, Place(last): Place) -> Taken {
        self.unlink(last);
        let Links { next, older, newer, .. } = self.state(last).links;
        self.follow(older, newer);
        self.len -= 1;
        Taken { next, last }
    }

    /// The next state of a block that was taken out, from the first on.
    pub(super) fn next(&mut self, taken: &mut Taken) -> Option<State> {
        let at = taken.next;
        if at == NONE {
            return None;
        }
        let state = self.state(at);
        taken.next = if at == taken.last { NONE } else { state.links.next };
        let vacant = core::mem::replace(&mut self.vacant, at);
        self.edit(at, |links| links.other = vacant);
        Some(state)
    }

    /// Puts a state somewhere.
    fn place(&mut self, state: State) -> Result<u32, Full> {
        let vacant = self.vacant;
        if let Some(place) = self.states.get_mut(vacant as usize) {
            self.vacant = place.links.other;
            *place = state;
            return Ok(vacant);
        }
        let at = u32::try_from(self.states.len()).ok().filter(|&at| at != NONE).ok_or(Full)?;
        self.states.try_reserve(1).map_err(|_| Full)?;
        self.states.push(state);
        Ok(at)
    }

    /// At least as many buckets as blocks, if there is memory for them.
    fn grow(&mut self) -> Result<(), Full> {
        if self.len < self.buckets.len() {
            return Ok(());
        }
        let mut buckets = Vec::new();
        let count = (self.buckets.len() * 2).max(BUCKETS_MIN);
        if buckets.try_reserve_exact(count).is_err() {
            // It goes on with fewer, only more slowly; with none it does not.
            return if self.buckets.is_empty() { Err(Full) } else { Ok(()) };
        }
        buckets.resize(count, NONE);
        self.buckets = buckets;
        let mut at = self.oldest;
        while at != NONE {
            self.link(at);
            at = self.state(at).links.newer;
        }
        Ok(())
    }

    /// Puts a last state into its bucket.
    fn link(&mut self, at: u32) {
        let bucket = self.bucket(self.state(at).pointer);
        if let Some(first) = self.buckets.get_mut(bucket) {
            let other = core::mem::replace(first, at);
            self.edit(at, |links| links.other = other);
        }
    }

    /// Takes a last state out of its bucket.
    fn unlink(&mut self, at: u32) {
        let State { pointer, links, .. } = self.state(at);
        let bucket = self.bucket(pointer);
        let Some(first) = self.buckets.get_mut(bucket) else { return };
        if *first == at {
            *first = links.other;
            return;
        }
        let mut before = *first;
        while before != NONE {
            let other = self.state(before).links.other;
            if other == at {
                self.edit(before, |before| before.other = links.other);
                return;
            }
            before = other;
        }
    }

    /// Makes `newer` the block behind `older`; none stands for the ends.
    fn follow(&mut self, older: u32, newer: u32) {
        match older {
            NONE => self.oldest = newer,
            _ => self.edit(older, |links| links.newer = newer),
        }
        match newer {
            NONE => self.newest = older,
            _ => self.edit(newer, |links| links.older = older),
        }
    }

    #[inline]
    fn bucket(&self, pointer: u64) -> usize {
        let hash = (pointer >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        hash as usize & self.buckets.len().wrapping_sub(1)
    }

    #[inline]
    fn state(&self, at: u32) -> State {
        self.states.get(at as usize).copied().unwrap_or_default()
    }

    #[inline]
    fn edit(&mut self, at: u32, edit: impl FnOnce(&mut Links)) {
        if let Some(state) = self.states.get_mut(at as usize) {
            edit(&mut state.links);
        }
    }
}

const _: () = assert!(size_of::<State>() == 56, "the memory that a block may take is limited");
