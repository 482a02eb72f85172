//! The sums that are compared.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names one of [`Metrics`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Σ size of what was never freed.
    #[default]
    LeakedBytes,
    /// How many were never freed.
    LeakedCount,
    /// Σ size of all.
    AllocatedBytes,
    /// How many there are.
    AllocatedCount,
    /// Σ size of what was alive at the peak of the profile.
    PeakBytes,
}

/// Sums over allocations of one or several runs; or, as `Metrics<i64>`, differences of such.
///
/// All of them add up over stacks. They wrap, so that they add up even for a damaged capture whose sizes make no sense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Metrics<T = u64> {
    /// [`Metric::LeakedBytes`]
    pub leaked_bytes: T,
    /// [`Metric::LeakedCount`]
    pub leaked_count: T,
    /// [`Metric::AllocatedBytes`]
    pub allocated_bytes: T,
    /// [`Metric::AllocatedCount`]
    pub allocated_count: T,
    /// [`Metric::PeakBytes`]
    pub peak_bytes: T,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::LeakedBytes, Self::LeakedCount, Self::AllocatedBytes, Self::AllocatedCount, Self::PeakBytes];

    /// What scripts and requests call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LeakedBytes => "leaked_bytes",
            Self::LeakedCount => "leaked_count",
            Self::AllocatedBytes => "allocated_bytes",
            Self::AllocatedCount => "allocated_count",
            Self::PeakBytes => "peak_bytes",
        }
    }

    /// The metric with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }
}

impl<T: Copy> Metrics<T> {
    /// One of them.
    #[must_use]
    pub fn get(&self, metric: Metric) -> T {
        match metric {
            Metric::LeakedBytes => self.leaked_bytes,
            Metric::LeakedCount => self.leaked_count,
            Metric::AllocatedBytes => self.allocated_bytes,
            Metric::AllocatedCount => self.allocated_count,
            Metric::PeakBytes => self.peak_bytes,
        }
    }

    fn zip<U: Copy, V>(self, other: Metrics<U>, with: impl Fn(T, U) -> V) -> Metrics<V> {
        Metrics {
            leaked_bytes: with(self.leaked_bytes, other.leaked_bytes),
            leaked_count: with(self.leaked_count, other.leaked_count),
            allocated_bytes: with(self.allocated_bytes, other.allocated_bytes),
            allocated_count: with(self.allocated_count, other.allocated_count),
            peak_bytes: with(self.peak_bytes, other.peak_bytes),
        }
    }
}

impl Metrics {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.zip(other, u64::wrapping_add)
    }

    /// How much more this is than `other`.
    #[must_use]
    pub fn minus(self, other: Self) -> Metrics<i64> {
        self.zip(other, |this, other| this.wrapping_sub(other).cast_signed())
    }
}
