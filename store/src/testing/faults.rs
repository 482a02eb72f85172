//! Which operation fails.

use std::io::ErrorKind;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fault;
use crate::Result;

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing was done.
    Before,
    /// All was done, and only the answer is lost.
    After,
    /// Nothing was done: the disk is full.
    NoRoom,
    /// A panic.
    Panic,
}

/// Counts the operations on a store in memory, and makes one of them fail.
#[derive(Debug, Default)]
pub struct Faults {
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    operations: Vec<&'static str>,
    failing: Option<Failing>,
}

#[derive(Debug)]
enum Failing {
    /// The operation of this number.
    Number(usize, Fault),
    /// So many of this name.
    Named(&'static str, usize, Fault),
}

impl Faults {
    /// Lets the operation of this number fail, counted from 0 and from now on.
    pub fn fail(&self, number: usize, fault: Fault) {
        *self.plan() = Plan { operations: Vec::new(), failing: Some(Failing::Number(number, fault)) };
    }

    /// Lets the next operations of this name fail, so many of them.
    pub fn fail_named(&self, operation: &'static str, times: usize, fault: Fault) {
        let failing = Failing::Named(operation, times, fault);
        *self.plan() = Plan { operations: Vec::new(), failing: Some(failing) };
    }

    /// Lets everything succeed again; gives the names of the operations since the last call of this or of
    /// [`fail`](Self::fail).
    pub fn clear(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.plan()).operations
    }

    /// Does an operation, or fails it.
    pub(super) fn run<T>(&self, operation: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        match self.next(operation) {
            Some(Fault::Before) => Err(fault(operation, ErrorKind::Other)),
            Some(Fault::NoRoom) => Err(fault(operation, ErrorKind::StorageFull)),
            Some(Fault::After) => work().and_then(|_| Err(fault(operation, ErrorKind::Other))),
            Some(Fault::Panic) => panic!("`{operation}` was made to panic"),
            None => work(),
        }
    }

    fn next(&self, operation: &'static str) -> Option<Fault> {
        let mut plan = self.plan();
        let number = plan.operations.len();
        plan.operations.push(operation);
        match &mut plan.failing {
            Some(Failing::Number(failing, fault)) if *failing == number => Some(*fault),
            Some(Failing::Named(name, times @ 1.., fault)) if *name == operation => {
                *times -= 1;
                Some(*fault)
            }
            _ => None,
        }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
