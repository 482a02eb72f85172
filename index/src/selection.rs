//! Which allocations of a profile are meant, as data: evaluated when somebody looks.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::{BacktraceSet, Predicate};

static ALL: LazyLock<Arc<Selection>> = LazyLock::new(|| Arc::new(Selection::All));

/// A set of allocations, described. Operands are shared, so that building on a selection costs nothing.
///
/// As soon as one predicate is present, what was allocated outside [T0, T1] or freed at or before T0 is left out too.
/// Two selections are equal when they are described alike.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// Every allocation of the profile.
    #[default]
    All,
    /// Those of `base` that `predicate` holds for.
    Filtered {
        /// What is filtered.
        base: Arc<Selection>,
        /// By what.
        predicate: Predicate,
    },
    /// Those of some groups of `base`: of these backtraces, and nothing else asked.
    Ungrouped {
        /// What was grouped.
        base: Arc<Selection>,
        /// The groups that are left.
        backtraces: BacktraceSet,
    },
    /// Those in either.
    Union(Arc<Selection>, Arc<Selection>),
    /// Those in the first but not in the second.
    Difference(Arc<Selection>, Arc<Selection>),
    /// Those in both.
    Intersection(Arc<Selection>, Arc<Selection>),
}

impl Selection {
    /// [`Selection::All`], shared.
    #[must_use]
    pub fn all() -> Arc<Self> {
        Arc::clone(&ALL)
    }

    /// This selection with one predicate more.
    #[must_use]
    pub fn filtered(self: &Arc<Self>, predicate: Predicate) -> Arc<Self> {
        Arc::new(Self::Filtered { base: Arc::clone(self), predicate })
    }

    /// What was grouped and which groups are left, if it is that.
    pub(crate) fn as_groups(&self) -> Option<(&Arc<Self>, &BacktraceSet)> {
        match self {
            Self::Ungrouped { base, backtraces } => Some((base, backtraces)),
            _ => None,
        }
    }

    /// Whether both are groups of one and the same selection.
    pub(crate) fn are_of_same_groups(&self, other: &Self) -> bool {
        let bases = self.as_groups().zip(other.as_groups());
        bases.is_some_and(|((base, _), (other, _))| Arc::ptr_eq(base, other))
    }

    /// Names every selection below and including this one, each by what it says.
    pub(crate) fn digests(&self) -> Digests {
        let mut known = FxHashMap::default();
        let mut stack = vec![self];
        while let Some(&selection) = stack.last() {
            let before = stack.len();
            stack.extend(selection.operands().filter(|operand| !known.contains_key(&address(operand))));
            if stack.len() == before {
                stack.pop();
                let digest = selection.digest_over(&known);
                known.insert(address(selection), digest);
            }
        }
        Digests(known)
    }

    fn digest(&self) -> Digest {
        self.digests().of(self)
    }

    fn digest_over(&self, known: &FxHashMap<usize, Digest>) -> Digest {
        let mut content = ContentHasher(blake3::Hasher::new());
        std::mem::discriminant(self).hash(&mut content);
        match self {
            Self::Filtered { predicate, .. } => predicate.hash(&mut content),
            Self::Ungrouped { backtraces, .. } => backtraces.hash(&mut content),
            Self::All | Self::Union(..) | Self::Difference(..) | Self::Intersection(..) => {}
        }
        for operand in self.operands() {
            content.write(&known[&address(operand)].0);
        }
        content.digest()
    }

    pub(crate) fn operands(&self) -> impl Iterator<Item = &Self> {
        let (first, second) = match self {
            Self::All => (None, None),
            Self::Filtered { base, .. } | Self::Ungrouped { base, .. } => (Some(base), None),
            Self::Union(a, b) | Self::Difference(a, b) | Self::Intersection(a, b) => (Some(a), Some(b)),
        };
        first.into_iter().chain(second).map(Arc::as_ref)
    }

    fn take_operands(&mut self, into: &mut Vec<Arc<Self>>) {
        let mut take = |operand: &mut Arc<Self>| into.push(std::mem::replace(operand, Self::all()));
        match self {
            Self::All => {}
            Self::Filtered { base, .. } | Self::Ungrouped { base, .. } => take(base),
            Self::Union(a, b) | Self::Difference(a, b) | Self::Intersection(a, b) => {
                take(a);
                take(b);
            }
        }
    }
}

impl PartialEq for Selection {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || self.digest() == other.digest()
    }
}

impl Eq for Selection {}

impl Hash for Selection {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest().hash(state);
    }
}

/// A script can nest selections as deep as it has steps: taken apart one by one, not by recursion on the stack.
impl Drop for Selection {
    fn drop(&mut self) {
        let mut orphans = Vec::new();
        self.take_operands(&mut orphans);
        while let Some(orphan) = orphans.pop() {
            if let Some(mut orphan) = Arc::into_inner(orphan) {
                orphan.take_operands(&mut orphans);
            }
        }
    }
}

/// What a selection says, in 32 bytes. A hash that nobody can find collisions of, since scripts of different people
/// share what is kept under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// The digest of anything else that answers are kept for.
    pub(crate) fn of(value: &impl Hash) -> Self {
        let mut content = ContentHasher(blake3::Hasher::new());
        value.hash(&mut content);
        content.digest()
    }
}

/// The digests of a selection and of everything it is made of: operands that are shared are named once.
pub(crate) struct Digests(FxHashMap<usize, Digest>);

impl Digests {
    /// The digest of a selection that was part of the one asked.
    pub(crate) fn of(&self, selection: &Selection) -> Digest {
        self.0[&address(selection)]
    }
}

fn address(selection: &Selection) -> usize {
    std::ptr::from_ref(selection) as usize
}

struct ContentHasher(blake3::Hasher);

impl ContentHasher {
    fn digest(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

impl Hasher for ContentHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let mut first = [0; 8];
        self.0.finalize_xof().fill(&mut first);
        u64::from_le_bytes(first)
    }
}
