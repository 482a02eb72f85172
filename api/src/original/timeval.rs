//! Times as the original wrote them.

use bytehound_index::Manifest;
use schemars::JsonSchema;
use serde::Serialize;

/// µs in whole seconds and nanoseconds.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(super) struct Timeval {
    secs: u64,
    fract_nsecs: u32,
}

impl Timeval {
    pub(super) fn of_us(us: u64) -> Self {
        Self { secs: us / 1_000_000, fract_nsecs: (us % 1_000_000) as u32 * 1000 }
    }
}

/// An instant, its distance from the start of a profile, and that as a share of the profile's runtime.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(super) struct Instant {
    #[serde(rename = "timestamp")]
    pub(super) absolute: Timeval,
    #[serde(rename = "timestamp_relative")]
    pub(super) relative: Timeval,
    /// Of a profile that took no time it is `null`.
    #[serde(rename = "timestamp_relative_p")]
    #[schemars(with = "Option<f32>")]
    pub(super) share: f32,
}

/// The start of a profile and its runtime.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    pub(super) start_us: u64,
    pub(super) runtime_us: u64,
}

impl Clock {
    pub(super) fn of(manifest: &Manifest) -> Self {
        Self { start_us: manifest.start_us, runtime_us: manifest.runtime_us() }
    }

    pub(super) fn at(self, us: u64) -> Instant {
        let relative_us = us.saturating_sub(self.start_us);
        Instant {
            absolute: Timeval::of_us(us),
            relative: Timeval::of_us(relative_us),
            share: (relative_us as f64 / self.runtime_us as f64) as f32,
        }
    }
}
