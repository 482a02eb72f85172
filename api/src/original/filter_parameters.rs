//! The filters that a query string can ask for.

use super::filter_tables::{
    Build, CHOICES, COUNTS, INTERVALS, LIFETIMES, Lifetime, NUMBERS, OfBacktraces, REGEXES, Side,
};
use super::instants::{Flavour, Offset, duration, refuse};
use crate::errors::{BAD_PARAMETER, BAD_REGEX};
use crate::parameters::Parameters;
use crate::problem::Problem;
use bytehound_index::{
    BacktraceId, Bound, IndexError, Manifest, MapId, Pattern, Predicate, Profile, Row, Selection, Share,
};
use std::sync::Arc;

/// One condition; some can only be completed once it is known which profile is asked.
#[derive(Debug)]
enum Condition {
    Fixed(Predicate),
    Bounded { build: Build, side: Side, offset: Offset },
    AliveAt(Vec<Offset>),
}

/// Conditions that must all hold.
#[derive(Debug, Default)]
pub(super) struct Filter(Vec<Condition>);

impl Filter {
    /// Reads every filter parameter there is.
    pub(super) fn read(parameters: &Parameters) -> Result<Self, Problem> {
        let mut filter = Self::default();
        filter.bounds(parameters)?;
        filter.instants(parameters)?;
        filter.backtraces(parameters)?;
        filter.choices(parameters)?;
        filter.lifetime_and_group(parameters)?;
        refuse_what_is_missing(parameters)?;
        Ok(filter)
    }

    /// The allocations of this profile that are meant.
    pub(super) fn selection(&self, profile: &Profile) -> Arc<Selection> {
        let manifest = profile.manifest();
        let selection = match self.0.is_empty() {
            // As soon as there is one condition, what happened outside of the profile's time is left out; without
            // any, the original left it out too. Mostly there is nothing, and summaries answer.
            true if begins_after_start(profile) => Selection::all(),
            true => Selection::all().filtered(Predicate::Allocated(Bound::AtLeast(0))),
            false => Selection::all(),
        };
        self.0
            .iter()
            .fold(selection, |selection, condition| selection.filtered(condition.predicate(manifest)))
    }

    fn fixed(&mut self, predicate: Predicate) {
        self.0.push(Condition::Fixed(predicate));
    }

    fn bounds(&mut self, parameters: &Parameters) -> Result<(), Problem> {
        for (name, build) in NUMBERS {
            for (side, bound) in sides(name) {
                self.number(parameters.read::<u64>(&side)?, build, bound);
            }
        }
        for (name, build) in COUNTS {
            for (side, bound) in sides(name) {
                self.number(parameters.read::<u32>(&side)?.map(u64::from), build, bound);
            }
        }
        for (name, build) in INTERVALS {
            for (side, bound) in sides(name) {
                self.number(parameters.one(&side)?.map(duration).transpose()?, build, bound);
            }
        }
        Ok(())
    }

    fn number(&mut self, number: Option<u64>, build: Build, bound: Side) {
        if let Some(number) = number {
            self.fixed(build(bound(number)));
        }
    }

    fn instants(&mut self, parameters: &Parameters) -> Result<(), Problem> {
        let wanted: [(&str, Flavour, Build, Side); 6] = [
            ("from", Flavour::From, Predicate::Allocated, Bound::AtLeast),
            ("to", Flavour::To, Predicate::Allocated, Bound::AtMost),
            ("group_interval_min", Flavour::Length, Predicate::GroupInterval, Bound::AtLeast),
            ("group_interval_max", Flavour::Length, Predicate::GroupInterval, Bound::AtMost),
            ("group_max_total_usage_first_seen_min", Flavour::From, Predicate::GroupPeakAt, Bound::AtLeast),
            ("group_max_total_usage_first_seen_max", Flavour::To, Predicate::GroupPeakAt, Bound::AtMost),
        ];
        for (name, flavour, build, side) in wanted {
            if let Some(text) = parameters.one(name)? {
                self.0.push(Condition::Bounded { build, side, offset: Offset::parse(text, flavour)? });
            }
        }
        let alive = [parameters.one("alive_at")?, parameters.one("alive_at_2")?];
        let alive = alive.into_iter().flatten().map(|text| Offset::parse(text, Flavour::From));
        let alive = alive.collect::<Result<Vec<_>, _>>()?;
        if !alive.is_empty() {
            self.0.push(Condition::AliveAt(alive));
        }
        Ok(())
    }

    fn backtraces(&mut self, parameters: &Parameters) -> Result<(), Problem> {
        let sets: [(&str, OfBacktraces); 2] = [
            ("backtraces", Predicate::Backtraces),
            ("deallocation_backtraces", Predicate::DeallocationBacktraces),
        ];
        for (name, build) in sets {
            if let Some(id) = parameters.read::<u32>(name)? {
                self.fixed(build(BacktraceId(id).into()));
            }
        }
        for (name, build) in REGEXES {
            if let Some(text) = parameters.one(name)? {
                let pattern = Pattern::new(text).map_err(|error| malformed(name, error))?;
                self.fixed(build(pattern));
            }
        }
        Ok(())
    }

    fn choices(&mut self, parameters: &Parameters) -> Result<(), Problem> {
        for (name, [first, second]) in CHOICES {
            match parameters.word(name, &[(first.0, true), (second.0, false)])? {
                Some(true) => self.fixed(first.1),
                Some(false) => self.fixed(second.1),
                None => {}
            }
        }
        if let Some(marker) = parameters.read::<u32>("marker")? {
            self.fixed(Predicate::Marker(marker));
        }
        if let Some(map) = parameters.read::<u64>("from_map")? {
            // No profile has as many maps as to have the last one: it matches nothing.
            let map = MapId(u32::try_from(map).unwrap_or(u32::MAX));
            self.fixed(Predicate::FromMaps(map.into()));
        }
        Ok(())
    }

    fn lifetime_and_group(&mut self, parameters: &Parameters) -> Result<(), Problem> {
        let lifetime = parameters.word("lifetime", &LIFETIMES)?.unwrap_or(Lifetime::All);
        match lifetime {
            Lifetime::All => {}
            Lifetime::Leaked => self.fixed(Predicate::Leaked),
            Lifetime::ChainLeaked => self.fixed(Predicate::ChainLeaked),
            Lifetime::Temporary => self.fixed(Predicate::Temporary),
            Lifetime::WholeGroupLeaked => self.fixed(Predicate::GroupLeakedShareAtLeast(Share(1.0))),
        }
        let leaked_min = parameters.one("group_leaked_allocations_min")?.map(Amount::parse).transpose()?;
        let leaked_max = parameters.one("group_leaked_allocations_max")?.map(Amount::parse).transpose()?;
        match leaked_min {
            // A whole group that leaked is what is asked already.
            _ if matches!(lifetime, Lifetime::WholeGroupLeaked) => {}
            Some(Amount::Number(number)) => self.fixed(Predicate::GroupLeaked(Bound::AtLeast(number))),
            Some(Amount::Share(share)) => self.fixed(Predicate::GroupLeakedShareAtLeast(share)),
            None => {}
        }
        match leaked_max {
            Some(Amount::Number(number)) => self.fixed(Predicate::GroupLeaked(Bound::AtMost(number))),
            Some(Amount::Share(share)) => self.fixed(Predicate::GroupLeakedShareAtMost(share)),
            None => {}
        }
        Ok(())
    }
}

impl Condition {
    fn predicate(&self, manifest: &Manifest) -> Predicate {
        match self {
            Self::Fixed(predicate) => predicate.clone(),
            Self::Bounded { build, side, offset } => build(side(offset.in_us(manifest))),
            Self::AliveAt(offsets) => {
                Predicate::AliveAt(offsets.iter().map(|offset| offset.in_us(manifest)).collect())
            }
        }
    }
}

/// A number, or a share of one.
enum Amount {
    Number(u64),
    Share(Share),
}

impl Amount {
    fn parse(text: &str) -> Result<Self, Problem> {
        match text.strip_suffix('%') {
            Some(percent) => match percent.parse::<u32>() {
                Ok(percent) => Ok(Self::Share(Share(f64::from(percent) / 100.0))),
                Err(_) => Err(refuse("not a valid percentage")),
            },
            None => text
                .parse::<u32>()
                .map(|number| Self::Number(number.into()))
                .map_err(|_| refuse("not a valid number")),
        }
    }
}

fn malformed(name: &str, error: IndexError) -> Problem {
    let reason = match error {
        IndexError::Regex { reason, .. } => reason,
        error => error.to_string(),
    };
    Problem::new(&BAD_REGEX, format!("invalid '{name}': {reason}"))
}

fn sides(name: &str) -> [(String, Side); 2] {
    [(format!("{name}_min"), Bound::AtLeast), (format!("{name}_max"), Bound::AtMost)]
}

/// Whether everything that happened did so after the profile began.
fn begins_after_start(profile: &Profile) -> bool {
    profile.row_count() == 0 || profile.allocation(Row(0)).birth_us > profile.manifest().start_us
}

/// A condition that is passed over would give wrong numbers: better to say that it is not there.
fn refuse_what_is_missing(parameters: &Parameters) -> Result<(), Problem> {
    match parameters.one("custom_filter")? {
        None | Some("") => Ok(()),
        Some(_) => Err(Problem::new(
            &BAD_PARAMETER,
            "failed to evaluate custom filter: this version has none yet; filter in a script instead",
        )),
    }
}
