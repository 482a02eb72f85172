//! When each request is to be sent: decided beforehand, whatever the server does.

use std::time::Duration;

/// Requests at even distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    requests: usize,
    per_second: u32,
}

impl Schedule {
    /// A rate of 0 counts as 1.
    pub(crate) fn new(requests: usize, per_second: u32) -> Self {
        Self { requests, per_second: per_second.max(1) }
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests
    }

    /// When a request is due, from the start; none behind the last one.
    pub(crate) fn due(&self, request: usize) -> Option<Duration> {
        let nanoseconds = request as u128 * 1_000_000_000 / u128::from(self.per_second);
        let due = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        (request < self.requests).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_even_distances() {
        let schedule = Schedule::new(5, 4);
        let due: Vec<_> = (0..6).map(|request| schedule.due(request)).collect();
        let milliseconds = |number| Some(Duration::from_millis(number));
        assert_eq!(
            due,
            [
                milliseconds(0),
                milliseconds(250),
                milliseconds(500),
                milliseconds(750),
                milliseconds(1000),
                None
            ]
        );
    }

    #[test]
    fn rates_that_do_not_divide_a_second_do_not_drift() {
        let schedule = Schedule::new(1_000_001, 3);
        assert_eq!(schedule.due(300_000), Some(Duration::from_secs(100_000)));
        assert_eq!(schedule.due(1), Some(Duration::from_nanos(333_333_333)));
    }
}
