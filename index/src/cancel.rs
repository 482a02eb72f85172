//! How a question is given up: by its asker, or because it took too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::IndexError;

/// A token shared by whoever asks and the scan that answers, which looks at it between blocks of rows.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    cancelled: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Cancel {
    /// A token that nobody has cancelled and that never expires.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same token, expiring at `deadline` unless it already expires earlier. Cancelling either cancels both.
    #[must_use]
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        let deadline = self.deadline.map_or(deadline, |earlier| earlier.min(deadline));
        Self { cancelled: Arc::clone(&self.cancelled), deadline: Some(deadline) }
    }

    /// Asks whoever holds a clone of this token to stop.
    pub fn cancel(&self) {
        // Nothing is published through the flag: whoever sees it only stops.
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether it was cancelled, or its deadline has passed.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.check().is_err()
    }

    /// What a scan calls between blocks.
    ///
    /// # Errors
    /// [`IndexError::Cancelled`] or [`IndexError::Deadline`].
    pub fn check(&self) -> Result<(), IndexError> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(IndexError::Cancelled);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(IndexError::Deadline),
            _ => Ok(()),
        }
    }
}
