//! From a conjunction of predicates to the rows that fulfil it.
//!
//! Predicates on backtraces become one set of backtraces; those on births a range of rows, since rows are in order of
//! birth; the others are tested block by block where the block's zone cannot tell.

mod chain_ends;
mod chains;
mod conditions;
mod names;
mod scan;
mod stacks;
mod territory;

use std::fmt;
use std::ops::Range;

use crate::bit_set::BitSet;
use crate::columns::Columns;
use crate::layout::{NONE, Zone};
use crate::span::Span;
use crate::{BacktraceSet, BacktraceSummary, Blocks, Cancel, IndexError, MapSet, Predicate, Profile, RowSet};
pub(crate) use chain_ends::ChainEnds;
use chains::ChainTest;
use conditions::Conditions;
pub(crate) use conditions::{after, instant, instants};
pub(crate) use stacks::matching as matching_backtraces;
use territory::Territory;

/// How a conjunction is answered.
pub(crate) struct Plan<'a> {
    columns: &'a Columns<'a>,
    /// Nothing can fulfil it.
    impossible: bool,
    rows: Range<u32>,
    tests: Vec<Test>,
    /// What `tests` say of leaks, when that and the backtraces are all that is asked.
    death: Span,
    backtraces: Option<BitSet>,
    end_us: u64,
}

/// One condition on rows, which is not yet known to hold for all of them.
enum Test {
    Death(Span),
    Size(Span),
    Address(Span),
    Lifetime(Span),
    Flags(Box<[bool; 256]>),
    Marker(u32),
    Thread(u32),
    Backtrace(BitSet),
    /// Freed at one of these.
    DeallocatedAt(BitSet),
    /// Not freed, or at none of these.
    NotDeallocatedAt(BitSet),
    Chain(Box<ChainTest>),
    /// Allocated where some maps were at that moment.
    Territory(Territory),
}

impl<'a> Plan<'a> {
    /// How rows that fulfil all of `predicates` are found.
    pub(crate) fn new(
        profile: &'a Profile,
        predicates: &[&Predicate],
        cancel: &Cancel,
    ) -> Result<Self, IndexError> {
        let conditions = Conditions::of(predicates, profile.manifest());
        let mut stacks: Option<BitSet> = None;
        for predicate in &conditions.stack {
            cancel.check()?;
            let matching = stacks::matching(profile, predicate)?;
            match &mut stacks {
                Some(all) => all.intersect(&matching),
                None => stacks = Some(matching),
            }
        }
        let held = |maps: &&MapSet| Territory::of(profile.columns(), maps, cancel);
        let territories = conditions.maps.iter().map(held).collect::<Result<Vec<_>, _>>()?;
        let mut plan = Self::with(profile, conditions, stacks);
        plan.tests.extend(territories.into_iter().map(Test::Territory));
        Ok(plan)
    }

    /// How rows of some backtraces are found.
    pub(crate) fn of_backtraces(profile: &'a Profile, backtraces: &BacktraceSet) -> Self {
        let members = stacks::members(profile.columns(), backtraces);
        Self::with(profile, Conditions::none(), Some(members))
    }

    fn with(profile: &'a Profile, conditions: Conditions<'_>, stacks: Option<BitSet>) -> Self {
        let columns = profile.columns();
        let backtraces = stacks.filter(|stacks| !stacks.is_full());
        let end_us = profile.manifest().end_us;
        let mut plan = Self {
            columns,
            impossible: conditions.is_impossible()
                || backtraces.as_ref().is_some_and(|stacks| stacks.len() == 0),
            rows: columns.born(conditions.birth.from, conditions.birth.to),
            tests: Vec::new(),
            death: conditions.death,
            backtraces: backtraces.clone(),
            end_us,
        };
        if !plan.impossible {
            plan.tests = tests(profile, conditions, backtraces);
            plan.tests.retain(|test| !columns.zones.iter().all(|zone| test.holds_throughout(zone)));
        }
        plan
    }

    /// The rows of `base` that fulfil it.
    pub(crate) fn run(&self, base: &RowSet, cancel: &Cancel) -> Result<RowSet, IndexError> {
        if self.finds_nothing() {
            return Ok(RowSet::empty(base.universe()));
        }
        scan::scan(self, base, cancel)
    }

    /// How many rows of the whole profile fulfil it, if that is known without looking at them.
    pub(crate) fn count(&self, profile: &Profile) -> Result<Option<u64>, IndexError> {
        if self.finds_nothing() {
            return Ok(Some(0));
        }
        let only_leaks = self.death.from > self.end_us && self.death.to == u64::MAX;
        let counts: fn(&BacktraceSummary) -> u64 = match self.tests.as_slice() {
            [] if self.backtraces.is_none() => return Ok(Some(self.rows.len() as u64)),
            _ if self.takes_whole_backtraces() => |summary| summary.rows,
            [Test::Death(_)] | [Test::Death(_), Test::Backtrace(_)]
                if self.takes_all_rows() && only_leaks =>
            {
                |summary| summary.leaked_count
            }
            _ => return Ok(None),
        };
        let summaries = profile.summaries()?.iter().enumerate();
        let asked = summaries.filter(|(backtrace, _)| self.has_backtrace(*backtrace));
        Ok(Some(asked.map(|(_, summary)| counts(summary)).sum()))
    }

    /// Whether these predicates can only be about backtraces: then it may be worth a plan to see if they are.
    pub(crate) fn asks_backtraces_alone(profile: &Profile, predicates: &[&Predicate]) -> bool {
        Conditions::of(predicates, profile.manifest()).stack.len() == predicates.len()
    }

    /// Whether it takes all rows of some backtraces and no others, so that summaries tell all.
    pub(crate) fn takes_whole_backtraces(&self) -> bool {
        self.finds_nothing()
            || self.takes_all_rows() && matches!(self.tests.as_slice(), [] | [Test::Backtrace(_)])
    }

    /// Whether rows of this backtrace are asked for.
    pub(crate) fn has_backtrace(&self, backtrace: usize) -> bool {
        !self.finds_nothing() && self.backtraces.as_ref().is_none_or(|set| set.contains(backtrace))
    }

    /// What [`Plan::run`] looks into.
    pub(crate) fn blocks(&self, base: &RowSet) -> Blocks {
        if self.finds_nothing() {
            return Blocks { skipped: base.block_count(), ..Blocks::default() };
        }
        scan::looked_into(self, base)
    }

    fn finds_nothing(&self) -> bool {
        self.impossible || self.rows.is_empty()
    }

    fn takes_all_rows(&self) -> bool {
        self.rows == (0..self.columns.row_count())
    }
}

impl Conditions<'_> {
    fn is_impossible(&self) -> bool {
        let differ = |values: &[u32]| values.windows(2).any(|pair| pair[0] != pair[1]);
        [self.birth, self.death, self.size, self.address, self.lifetime].iter().any(|span| span.is_empty())
            || self.flags.iter().all(|allowed| !allowed)
            || differ(&self.markers)
            || differ(&self.threads)
    }
}

/// The tests that `conditions` ask for, the cheap and telling ones first.
fn tests(profile: &Profile, conditions: Conditions<'_>, backtraces: Option<BitSet>) -> Vec<Test> {
    let (columns, mut tests) = (profile.columns(), Vec::new());
    tests.push(Test::Death(conditions.death));
    tests.push(Test::Size(conditions.size));
    tests.push(Test::Address(conditions.address));
    tests.extend(backtraces.map(Test::Backtrace));
    if conditions.lifetime != Span::ALL {
        tests.push(Test::Lifetime(conditions.lifetime));
    }
    if conditions.flags.contains(&false) {
        tests.push(Test::Flags(Box::new(conditions.flags)));
    }
    tests.extend(conditions.markers.first().copied().map(Test::Marker));
    tests.extend(conditions.threads.first().copied().map(Test::Thread));
    tests.extend(
        conditions.deallocated_at.iter().map(|set| Test::DeallocatedAt(stacks::members(columns, set))),
    );
    tests.extend(
        conditions.not_deallocated_at.iter().map(|set| Test::NotDeallocatedAt(stacks::members(columns, set))),
    );
    if !conditions.chain.is_none() {
        let (ends, end_us) = (profile.chain_ends(), profile.manifest().end_us);
        tests.push(Test::Chain(Box::new(ChainTest::new(columns, ends, conditions.chain, end_us))));
    }
    tests
}

impl Test {
    /// The zone alone says that it holds for all rows of the block.
    fn holds_throughout(&self, zone: &Zone) -> bool {
        match self {
            Self::Death(span) => span.covers(zone.death),
            Self::Size(span) => span.covers(zone.size),
            Self::Address(span) => span.covers(zone.address),
            _ => false,
        }
    }

    /// The zone alone says that it holds for none of them.
    fn holds_nowhere(&self, zone: &Zone) -> bool {
        match self {
            Self::Death(span) => span.misses(zone.death),
            Self::Size(span) => span.misses(zone.size),
            Self::Address(span) => span.misses(zone.address),
            _ => false,
        }
    }
}

impl fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.finds_nothing() {
            return f.write_str("nothing can match");
        }
        write!(f, "rows {}..{}", self.rows.start, self.rows.end)?;
        let zones = &self.columns.zones[scan::blocks(&self.rows)];
        let skipped =
            zones.iter().filter(|zone| self.tests.iter().any(|test| test.holds_nowhere(zone))).count();
        write!(f, " in {} blocks, {skipped} of them skipped by their zones", zones.len())?;
        self.tests.iter().try_for_each(|test| write!(f, "; {test}"))?;
        f.write_str(if self.takes_whole_backtraces() { "; counted and grouped by summaries" } else { "" })
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Death(_) => f.write_str("test death"),
            Self::Size(_) => f.write_str("test size"),
            Self::Address(_) => f.write_str("test address"),
            Self::Lifetime(_) => f.write_str("test lifetime"),
            Self::Flags(_) => f.write_str("test flags"),
            Self::Marker(_) => f.write_str("test marker"),
            Self::Thread(_) => f.write_str("test thread"),
            Self::Backtrace(set) => write!(f, "test for {} of {} backtraces", set.len(), set.bound()),
            Self::DeallocatedAt(_) | Self::NotDeallocatedAt(_) => f.write_str("test deallocation backtrace"),
            Self::Chain(_) => f.write_str("test chain"),
            Self::Territory(_) => f.write_str("test maps"),
        }
    }
}

/// Whether a deallocation backtrace is one of `set`.
fn is_known_member(backtrace: u32, set: &BitSet) -> bool {
    backtrace != NONE && set.contains(backtrace as usize)
}
