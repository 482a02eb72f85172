//! A bounded queue of records of a fixed size: many producers, one consumer, no locks.

use core::sync::atomic::{AtomicU64, Ordering};

/// Words of a record; with the slot's turn they make 128 bytes.
pub(super) const WORDS: usize = 15;
/// A producer that does not come back to fill the slot that it took is given up after so many nanoseconds.
const PATIENCE: u64 = 2_000_000_000;

/// Positions count records since the start and never wrap; the slot of a position is at its remainder, and its
/// turn is the quotient. All zeroes is an empty queue.
pub(super) struct Queue<const LEN: usize> {
    /// Where the next record goes.
    head: AtomicU64,
    /// The record that is read next.
    tail: AtomicU64,
    /// When the consumer found the slot at `tail` taken but not filled; 0 if it did not.
    held_since: AtomicU64,
    slots: [Slot; LEN],
}

#[repr(C, align(128))]
struct Slot {
    /// Twice the turn: free for it. One more: filled in it.
    turn: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl Slot {
    const fn new() -> Self {
        Self { turn: AtomicU64::new(0), words: [const { AtomicU64::new(0) }; WORDS] }
    }
}

impl<const LEN: usize> Queue<LEN> {
    pub(super) const fn new() -> Self {
        Self {
            head: AtomicU64::new(0),
            tail: AtomicU64::new(0),
            held_since: AtomicU64::new(0),
            slots: [const { Slot::new() }; LEN],
        }
    }

    /// Adds a record; says at which position, or that there is no room.
    pub(super) fn push(&self, record: [u64; WORDS]) -> Option<u64> {
        let position = self.reserve()?;
        let (slot, free) = self.slot(position);
        for (word, value) in slot.words.iter().zip(record) {
            word.store(value, Ordering::Relaxed);
        }
        // Release: whoever sees the slot filled sees the words. It fails if the consumer has given this producer up.
        slot.turn.compare_exchange(free, free + 1, Ordering::Release, Ordering::Relaxed).ok()?;
        Some(position)
    }

    fn reserve(&self) -> Option<u64> {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let (slot, free) = self.slot(head);
            // Acquire: the consumer has read the words that are overwritten now.
            let turn = slot.turn.load(Ordering::Acquire);
            if turn < free {
                return None;
            }
            if turn > free {
                head = self.head.load(Ordering::Relaxed);
                continue;
            }
            match self.head.compare_exchange_weak(head, head + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(head),
                Err(current) => head = current,
            }
        }
    }

    /// Takes the oldest record, at the time `now` in nanoseconds. Only the consumer may.
    pub(super) fn pop(&self, now: u64) -> Option<[u64; WORDS]> {
        let tail = self.tail.load(Ordering::Relaxed);
        let (slot, free) = self.slot(tail);
        // Acquire: pairs with the release of `push`.
        if slot.turn.load(Ordering::Acquire) != free + 1 {
            return self.pass_over(tail, slot, free, now).then(|| self.pop(now)).flatten();
        }
        let record = core::array::from_fn(|at| slot.words[at].load(Ordering::Relaxed));
        self.held_since.store(0, Ordering::Relaxed);
        // Release: the words were read before.
        slot.turn.store(free + 2, Ordering::Release);
        self.tail.store(tail + 1, Ordering::Relaxed);
        Some(record)
    }

    /// Passes over a slot whose producer does not come back, say because it jumped out of a signal handler.
    fn pass_over(&self, tail: u64, slot: &Slot, free: u64, now: u64) -> bool {
        let since = self.held_since.load(Ordering::Relaxed);
        if self.head.load(Ordering::Relaxed) == tail {
            return false;
        }
        if since == 0 {
            self.held_since.store(now.max(1), Ordering::Relaxed);
        }
        let given_up = since != 0
            && now.saturating_sub(since) > PATIENCE
            && slot.turn.compare_exchange(free, free + 2, Ordering::Acquire, Ordering::Relaxed).is_ok();
        if given_up {
            self.held_since.store(0, Ordering::Relaxed);
            self.tail.store(tail + 1, Ordering::Relaxed);
        }
        given_up
    }

    fn slot(&self, position: u64) -> (&Slot, u64) {
        (&self.slots[position as usize % LEN], position / LEN as u64 * 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u64) -> [u64; WORDS] {
        core::array::from_fn(|at| n ^ at as u64)
    }

    #[test]
    fn a_full_queue_takes_nothing_until_a_record_is_taken() {
        let queue = Queue::<8>::new();
        assert!((0..8).all(|n| queue.push(record(n)) == Some(n)));
        assert_eq!(queue.push(record(8)), None);
        assert_eq!(queue.pop(1), Some(record(0)));
        assert_eq!(queue.push(record(8)), Some(8));
        assert_eq!(queue.push(record(9)), None);
        assert!((1..9).all(|n| queue.pop(1) == Some(record(n))));
        assert_eq!(queue.pop(1), None);
    }

    #[test]
    fn records_of_many_threads_arrive_whole_once_and_in_the_order_of_their_thread() {
        static QUEUE: Queue<64> = Queue::new();
        const THREADS: u64 = 4;
        const RECORDS: u64 = 20_000;
        let produce = |thread: u64| {
            for n in 0..RECORDS {
                while QUEUE.push(record(thread << 32 | n)).is_none() {
                    std::thread::yield_now();
                }
            }
        };
        std::thread::scope(|scope| {
            (0..THREADS).for_each(|thread| drop(scope.spawn(move || produce(thread))));
            let mut next = [0; THREADS as usize];
            while next.iter().sum::<u64>() < THREADS * RECORDS {
                let Some(words) = QUEUE.pop(1) else {
                    std::thread::yield_now();
                    continue;
                };
                assert_eq!(words, record(words[0]));
                let next = &mut next[(words[0] >> 32) as usize];
                assert_eq!(words[0] as u32, *next as u32);
                *next += 1;
            }
        });
    }

    #[test]
    fn a_producer_that_never_comes_back_holds_nobody_up_for_long() {
        let queue = Queue::<8>::new();
        let lost = queue.reserve().unwrap();
        assert_eq!(queue.push(record(1)), Some(1));
        assert_eq!(queue.pop(1), None);
        assert_eq!(queue.pop(1 + PATIENCE), None);
        assert_eq!(queue.pop(2 + PATIENCE), Some(record(1)));
        let (slot, free) = queue.slot(lost);
        assert_eq!(slot.turn.load(Ordering::Relaxed), free + 2);
    }
}
