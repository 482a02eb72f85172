//! Time as it orders events.

/// A moment, in ticks of the capture's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick(pub u64);
