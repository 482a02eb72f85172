//! What one filter parameter asks for, and how.

use super::instants::Flavour;
use bytehound_index::{BacktraceSet, MapSet, Pattern, Share};

/// A parameter, the filter of scripts that asks for the same, and what its values are.
pub(super) struct Parameter<P: 'static> {
    pub(super) name: &'static str,
    pub(super) call: &'static str,
    pub(super) kind: Kind<P>,
}

/// What the values of a parameter are, and the condition that each makes.
pub(super) enum Kind<P: 'static> {
    Number(fn(u64) -> P),
    /// A number of 32 bits.
    Count(fn(u64) -> P),
    /// A length of time.
    Interval(fn(u64) -> P),
    /// A point in time.
    Moment(Flavour, fn(u64) -> P),
    /// A number, or percents.
    Amount {
        number: fn(u64) -> P,
        share: fn(Share) -> P,
    },
    Regex(fn(Pattern) -> P),
    Backtrace(fn(BacktraceSet) -> P),
    Map(fn(MapSet) -> P),
    /// One of some words, each of which has a row of its own; it may ask for nothing.
    Word(&'static str, Option<P>),
    /// The word for all of a group, which a script gives as a share.
    WholeGroup(&'static str, P),
    /// `alive_at` and `alive_at_2`.
    Alive(fn(Vec<u64>) -> P),
}

/// One row of a table.
pub(super) const fn row<P>(name: &'static str, call: &'static str, kind: Kind<P>) -> Parameter<P> {
    Parameter { name, call, kind }
}

impl<P> Parameter<P> {
    pub(super) fn word(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Word(word, _) | Kind::WholeGroup(word, _) => Some(word),
            _ => None,
        }
    }

    /// Whether it asks something of the frames of a backtrace.
    pub(super) fn is_of_frames(&self) -> bool {
        matches!(self.kind, Kind::Regex(_)) || self.name.starts_with("backtrace_depth")
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }
}
