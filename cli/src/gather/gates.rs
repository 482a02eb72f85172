//! One initial download at a time from each machine: the program that came first has its history over the line
//! before the next one begins.

use crate::interrupt;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often one who waits looks whether an end was asked for.
const LOOK: Duration = Duration::from_millis(200);

/// Machines from which an initial download is going on.
#[derive(Debug, Default)]
pub(super) struct Gates {
    busy: Mutex<HashSet<IpAddr>>,
    freed: Condvar,
}

/// The right to download; given back when dropped.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    gates: &'a Gates,
    machine: IpAddr,
}

impl Gates {
    /// Waits for the right to download from a machine. None if an end was asked for meanwhile.
    pub(super) fn enter(&self, machine: IpAddr) -> Option<Pass<'_>> {
        let mut busy = self.busy();
        while !busy.insert(machine) {
            if interrupt::is_stopped() {
                return None;
            }
            let waited = self.freed.wait_timeout(busy, LOOK);
            busy = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(Pass { gates: self, machine })
    }

    fn busy(&self) -> MutexGuard<'_, HashSet<IpAddr>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gates.busy().remove(&self.machine);
        self.gates.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn only_one_at_a_time_is_let_in_from_a_machine() {
        let gates = Gates::default();
        let (inside, total) = (AtomicU32::new(0), AtomicU32::new(0));
        let machine = IpAddr::from([127, 0, 0, 1]);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _pass = gates.enter(machine).unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    total.fetch_add(1, Ordering::SeqCst);
                    std::thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(total.into_inner(), 8);
    }

    #[test]
    fn other_machines_do_not_wait() {
        let gates = Gates::default();
        let _one = gates.enter(IpAddr::from([127, 0, 0, 1])).unwrap();
        assert!(gates.enter(IpAddr::from([127, 0, 0, 2])).is_some());
    }
}
