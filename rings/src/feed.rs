//! One ring, as the writer sees it: up to where it was taken, and up to where it can be.
#![expect(unsafe_code, reason = "the consumer's side of a ring")]

use bytehound_format::v2::batch::{Decoder, State};

use crate::drain::Extent;
use crate::progress::Progress;
use crate::thread::Thread;
use crate::tick::Tick;

pub(crate) struct Feed<'a> {
    pub(crate) thread: &'a Thread,
    progress: Progress,
    /// What was taken ends here.
    tail: u64,
    state: State,
    /// What is taken now ends here.
    cut: u64,
    cut_state: State,
    /// Holds bytes while they are decoded.
    scratch: Vec<u8>,
}

impl<'a> Feed<'a> {
    /// The ring of a thread that had no stamp before `since`, from where the commit `epoch` left it.
    pub(crate) fn new(thread: &'a Thread, since: Tick, epoch: u64) -> Self {
        let (tail, state) = thread.mark(epoch);
        let progress = Progress::new(since);
        Self { thread, progress, tail, state, cut: tail, cut_state: state, scratch: Vec::new() }
    }

    /// Says up to when the thread's events are in the ring.
    pub(crate) fn look(&mut self, now: Tick) -> Tick {
        self.progress.look(self.thread.sequence(), self.thread.waits_with(), now)
    }

    /// Decides how much is taken.
    pub(crate) fn cut(&mut self, extent: Extent) {
        if let Some((position, state)) = self.thread.ring.checkpoint()
            && position > self.cut
        {
            (self.cut, self.cut_state) = (position, state);
        }
        if extent == Extent::Full {
            return;
        }
        if self.thread.ring.head() != self.cut {
            match self.thread.ring.snapshot() {
                Some((head, state)) => (self.cut, self.cut_state) = (head, state),
                None => self.read_to_the_head(),
            }
        }
    }

    /// Finds the state at the head by reading what lies before it.
    fn read_to_the_head(&mut self) {
        let head = self.thread.ring.head();
        self.scratch.clear();
        // SAFETY: the writer is the only consumer, and gives nothing back meanwhile.
        for part in unsafe { self.thread.ring.bytes(self.cut, head) } {
            self.scratch.extend_from_slice(part);
        }
        let mut decoder = Decoder::new(&self.scratch, self.cut_state);
        decoder.by_ref().for_each(drop);
        self.cut_state = *decoder.state();
        self.cut = head - decoder.rest().len() as u64;
    }

    /// The moment after the last event that is taken now.
    pub(crate) fn end(&self) -> Tick {
        Tick(self.cut_state.tick + 1)
    }

    /// What is taken now: nothing, or bytes with the state that they begin with.
    pub(crate) fn taken(&self) -> Option<(&State, [&[u8]; 2])> {
        // SAFETY: the writer is the only consumer, and gives nothing back while `self` is borrowed.
        (self.cut != self.tail).then(|| (&self.state, unsafe { self.thread.ring.bytes(self.tail, self.cut) }))
    }

    /// Sets the mark for the next commit.
    pub(crate) fn set_mark(&self, epoch: u64) {
        if self.cut != self.tail {
            self.thread.set_mark(epoch, self.cut, &self.cut_state);
        }
    }

    /// Gives what was taken back to the producer.
    pub(crate) fn release(&mut self) {
        if self.cut != self.tail {
            (self.tail, self.state) = (self.cut, self.cut_state);
            self.thread.ring.release(self.tail);
        }
    }
}
