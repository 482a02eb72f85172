//! What a stack is recognised by.

/// The same frames in the same generation of modules have the same one in every thread.
///
/// Stacks with the same one are taken for the same: of ten million different stacks, two have one in common in one of
/// 300 000 captures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(pub(crate) u64);

const SEED: u64 = 0xd6e8_feb8_6659_fd93;
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Fingerprint {
    /// Of the stack without frames, in a generation of modules.
    #[inline(always)]
    pub fn outside(generation: u32) -> Self {
        Self(u64::from(generation))
    }

    /// Of a stack with one frame more, at `address`.
    #[inline(always)]
    pub fn calling(self, address: u64) -> Self {
        let product = u128::from(self.0.rotate_left(32) ^ address ^ SEED) * u128::from(FACTOR);
        Self((product >> 64) as u64 ^ product as u64)
    }

    /// One of so many places; of other bits than the place in the table of all stacks.
    #[inline(always)]
    pub fn place(self, places: usize) -> usize {
        (self.0 >> 40) as usize % places
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn stacks_that_differ_little_have_different_fingerprints() {
        let mut all = HashSet::new();
        let mut level = vec![Fingerprint::outside(0), Fingerprint::outside(1)];
        for _ in 0..3 {
            let inner =
                |outer: &Fingerprint| (0..64).map(|call| outer.calling(0x40_1000 + 5 * call)).collect();
            level = level.iter().flat_map::<Vec<_>, _>(inner).collect();
            assert!(level.iter().all(|fingerprint| all.insert(fingerprint.0)));
        }
        // Nor do parts of them collide, which tables choose places by.
        let low: HashSet<u32> = level.iter().map(|fingerprint| fingerprint.0 as u32).collect();
        let expected = level.len() as f64 - (level.len() as f64).powi(2) / 2_f64.powi(33);
        assert!((low.len() as f64 - expected).abs() < 100.0, "{} of {expected}", low.len());
    }
}
