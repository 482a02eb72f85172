//! The ring of words between one thread and the writer: one producer, one consumer, no locks.

use core::sync::atomic::{AtomicU64, Ordering};

/// Words of a ring: 1 MiB.
pub(crate) const RING_LEN: usize = 1 << 17;

/// Words that the producer may put in before it wakes the writer.
const WAKE_EVERY: u64 = RING_LEN as u64 / 4;

#[repr(align(128))]
struct Line<T>(T);

/// A ring. Positions count words since its start and never wrap; the word of a position is at its remainder.
#[repr(C)]
pub(crate) struct Ring {
    /// Written by the producer: everything before it may be read.
    head: Line<AtomicU64>,
    /// Written by the consumer: everything before it may be overwritten.
    tail: Line<AtomicU64>,
    /// The producer's copy of `tail`, and where it wakes the writer next.
    seen: Line<(AtomicU64, AtomicU64)>,
    words: Line<[AtomicU64; RING_LEN]>,
}

/// What a push asks of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    Quietly,
    /// The record is in, and it is time to wake the writer.
    WakeWriter,
    /// There is no room: nothing was written.
    Full,
}

impl Ring {
    /// Adds one record. Only the owner of the ring may.
    #[inline(always)]
    pub(crate) fn push<const N: usize>(&self, record: [u64; N]) -> Pushed {
        let head = self.head.0.load(Ordering::Relaxed);
        let next = head.wrapping_add(N as u64);
        let (tail, wake_at) = &self.seen.0;
        if next.wrapping_sub(tail.load(Ordering::Relaxed)) > RING_LEN as u64 {
            // Acquire: the writer has read the words that are overwritten now.
            let now = self.tail.0.load(Ordering::Acquire);
            tail.store(now, Ordering::Relaxed);
            if next.wrapping_sub(now) > RING_LEN as u64 {
                return Pushed::Full;
            }
        }
        for (word, at) in record.into_iter().zip(head..) {
            self.word(at).store(word, Ordering::Relaxed);
        }
        // Release: whoever sees the new head sees the words.
        self.head.0.store(next, Ordering::Release);
        if next < wake_at.load(Ordering::Relaxed) {
            return Pushed::Quietly;
        }
        wake_at.store(next.wrapping_add(WAKE_EVERY), Ordering::Relaxed);
        Pushed::WakeWriter
    }

    /// Whether the producer can go on for a while.
    pub(crate) fn is_half_empty(&self) -> bool {
        self.head().wrapping_sub(self.tail()) <= RING_LEN as u64 / 2
    }

    /// Position behind the last record.
    #[inline]
    pub(crate) fn head(&self) -> u64 {
        self.head.0.load(Ordering::Acquire)
    }

    /// Position of the first record that was not given back. Only the consumer may ask.
    #[inline]
    pub(crate) fn tail(&self) -> u64 {
        self.tail.0.load(Ordering::Relaxed)
    }

    /// The word at a position between tail and head.
    #[inline(always)]
    pub(crate) fn load(&self, at: u64) -> u64 {
        self.word(at).load(Ordering::Relaxed)
    }

    /// Gives everything before `tail` back to the producer. Only the consumer may.
    #[inline]
    pub(crate) fn release(&self, tail: u64) {
        // Release: the words were read before.
        self.tail.0.store(tail, Ordering::Release);
    }

    #[inline(always)]
    fn word(&self, at: u64) -> &AtomicU64 {
        &self.words.0[at as usize % RING_LEN]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `test` with a new ring, on a stack that has room for it.
    fn with_ring(test: fn(&Ring)) {
        let run = move || {
            test(&Ring {
                head: Line(AtomicU64::new(0)),
                tail: Line(AtomicU64::new(0)),
                seen: Line((AtomicU64::new(0), AtomicU64::new(0))),
                words: Line([const { AtomicU64::new(0) }; RING_LEN]),
            });
        };
        std::thread::Builder::new().stack_size(16 << 20).spawn(run).unwrap().join().unwrap();
    }

    #[test]
    fn a_full_ring_takes_nothing_until_words_are_given_back() {
        with_ring(|ring| {
            let fits = RING_LEN as u64 / 3;
            (0..fits).for_each(|n| assert_ne!(ring.push([n, n, n]), Pushed::Full));
            assert_eq!(ring.push([1, 2, 3]), Pushed::Full);
            assert_eq!(ring.head(), fits * 3);
            ring.release(3);
            assert_ne!(ring.push([1, 2, 3]), Pushed::Full);
            assert_eq!(ring.push([1, 2, 3]), Pushed::Full);
        });
    }

    #[test]
    fn the_writer_is_woken_once_every_quarter() {
        with_ring(|ring| {
            let woken = (0..RING_LEN).filter(|_| ring.push([0]) == Pushed::WakeWriter).count();
            assert_eq!(woken, 4);
        });
    }

    #[test]
    fn records_arrive_whole_and_in_order_in_another_thread() {
        with_ring(|ring| {
            let records = 500_000_u64;
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for n in 0..records {
                        while ring.push([n, n ^ 7, !n]) == Pushed::Full {
                            std::thread::yield_now();
                        }
                    }
                });
                let mut expected = 0;
                while expected < records {
                    expected = check_records(ring, expected);
                }
            });
        });
    }

    /// Takes what is in the ring; returns the number of the next record.
    fn check_records(ring: &Ring, mut expected: u64) -> u64 {
        let (mut at, head) = (ring.tail(), ring.head());
        if at == head {
            std::thread::yield_now();
        }
        while at < head {
            let record = [ring.load(at), ring.load(at + 1), ring.load(at + 2)];
            assert_eq!(record, [expected, expected ^ 7, !expected]);
            at += 3;
            expected += 1;
        }
        ring.release(at);
        expected
    }
}
