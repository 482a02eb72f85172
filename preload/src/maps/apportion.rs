//! How much of a region is in memory, and of what kind.
//!
//! The kernel counts kinds for each of its mappings. Where one of those holds several regions, because the kernel has
//! merged neighbours, each region gets its share: what is in memory is counted page by page, the kinds are
//! apportioned.

/// Amounts of memory by kind, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) anonymous: u64,
    pub(super) shared_clean: u64,
    pub(super) shared_dirty: u64,
    pub(super) private_clean: u64,
    pub(super) private_dirty: u64,
    pub(super) swap: u64,
}

/// What a count of pages has found, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Residency {
    pub(super) resident: u64,
    pub(super) anonymous: u64,
    pub(super) swapped: u64,
}

impl Usage {
    /// What is in memory. `anonymous` is a part of it.
    pub(super) fn resident(&self) -> u64 {
        self.shared_clean + self.shared_dirty + self.private_clean + self.private_dirty
    }

    /// The share of a part that has this much in memory: kinds in the proportions of the whole.
    pub(super) fn share(&self, part: Residency) -> Self {
        let kinds = [self.shared_clean, self.shared_dirty, self.private_clean, self.private_dirty];
        let whole = self.resident();
        // Sums are rounded, not kinds, so that the kinds add up.
        let up_to = |kind: usize| match kind {
            4 => part.resident,
            _ => proportion(part.resident, kinds[..kind].iter().sum(), whole),
        };
        let of = |kind: usize| up_to(kind + 1) - up_to(kind);
        Self {
            anonymous: part.anonymous,
            shared_clean: of(0),
            shared_dirty: of(1),
            private_clean: of(2),
            private_dirty: of(3),
            swap: part.swapped,
        }
    }

    /// The share of a part of the address range, as long as nothing better is known.
    pub(super) fn scaled(&self, part: u64, whole: u64) -> Self {
        let scale = |amount| proportion(part, amount, whole);
        Self {
            anonymous: scale(self.anonymous),
            shared_clean: scale(self.shared_clean),
            shared_dirty: scale(self.shared_dirty),
            private_clean: scale(self.private_clean),
            private_dirty: scale(self.private_dirty),
            swap: scale(self.swap),
        }
    }
}

impl core::ops::Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            anonymous: self.anonymous + other.anonymous,
            shared_clean: self.shared_clean + other.shared_clean,
            shared_dirty: self.shared_dirty + other.shared_dirty,
            private_clean: self.private_clean + other.private_clean,
            private_dirty: self.private_dirty + other.private_dirty,
            swap: self.swap + other.swap,
        }
    }
}

/// `amount` × `part` / `whole`; nothing of nothing.
pub(super) fn proportion(part: u64, amount: u64, whole: u64) -> u64 {
    let product = u128::from(amount) * u128::from(part);
    product.checked_div(u128::from(whole)).unwrap_or(0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Usage = Usage {
        anonymous: 100,
        shared_clean: 3,
        shared_dirty: 0,
        private_clean: 4,
        private_dirty: 93,
        swap: 8,
    };

    #[test]
    fn shares_have_what_is_in_memory_to_the_last_page() {
        for resident in 0..=100 {
            let share = WHOLE.share(Residency { resident, anonymous: resident, swapped: 4 });
            assert_eq!((share.resident(), share.anonymous, share.swap), (resident, resident, 4));
            assert!(share.private_dirty >= share.private_clean);
        }
    }

    #[test]
    fn pages_that_came_since_the_kernel_counted_none_are_dirty() {
        let share = Usage::default().share(Residency { resident: 8, anonymous: 8, swapped: 0 });
        assert_eq!(share, Usage { anonymous: 8, private_dirty: 8, ..Usage::default() });
    }

    #[test]
    fn a_part_of_the_range_has_that_part_of_everything() {
        let half = WHOLE.scaled(4096, 8192);
        assert_eq!((half.private_dirty, half.private_clean, half.swap), (46, 2, 4));
        assert_eq!(WHOLE.scaled(0, 8192), Usage::default());
    }
}
