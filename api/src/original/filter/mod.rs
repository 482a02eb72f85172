//! The filters that a query string can ask for: what each parameter means, to the index and in scripts.

mod described;
mod instants;
mod interval;
mod of_allocations;
mod of_maps;
mod parameter;
mod script;

pub(super) use self::described::{all_of_allocations, all_of_backtraces, all_of_maps};
pub(super) use self::script::FilterScript;

use self::parameter::{Kind, Parameter};
use crate::errors::BAD_REGEX;
use crate::parameters::Parameters;
use crate::problem::Problem;
use bytehound_actors::ServiceError;
use bytehound_dsl::{Limits, ScriptError};
use bytehound_index::{
    Bound, Cancel, IndexError, Manifest, MapId, MapPredicate, MapSet, Pattern, Predicate, Profile, Row,
    Selection, Share,
};
use instants::{Offset, duration, refuse};
use std::sync::Arc;

/// Conditions that must all hold, and a script whose result they pick from.
pub(super) struct Filter<P: 'static> {
    conditions: Vec<Condition<P>>,
    custom: Option<String>,
}

/// One condition; some can only be completed once it is known which profile is asked.
struct Condition<P: 'static> {
    parameter: &'static Parameter<P>,
    value: Value<P>,
}

enum Value<P> {
    /// The condition, and how a script writes its argument.
    Fixed(P, String),
    At(fn(u64) -> P, Offset),
    AliveAt(fn(Vec<u64>) -> P, Vec<Offset>),
}

impl Filter<Predicate> {
    /// Reads every filter of allocations.
    pub(super) fn of_allocations(parameters: &Parameters) -> Result<Self, Problem> {
        let mut filter = Self::read(parameters, of_allocations::PARAMETERS)?;
        if filter.conditions.iter().any(|condition| condition.parameter.is_word("only_whole_group_leaked")) {
            // All of it is more than any number.
            filter.conditions.retain(|condition| condition.parameter.name != "group_leaked_allocations_min");
        }
        Ok(filter)
    }

    /// The allocations of this profile that are meant.
    pub(super) fn selection(
        &self,
        profile: &Arc<Profile>,
        cancel: &Cancel,
    ) -> Result<Arc<Selection>, ServiceError> {
        let limits = Limits::default();
        let custom = self.script().map(|script| bytehound_dsl::filter(script, profile, &limits, cancel));
        let base = custom.transpose().map_err(refused)?.flatten().unwrap_or_else(Selection::all);
        // As soon as there is one condition, what happened outside of the profile's time is left out; without any, the
        // original left it out too. Mostly there is nothing, and summaries answer.
        let base = if self.conditions.is_empty() && !begins_after_start(profile) {
            base.filtered(Predicate::Allocated(Bound::AtLeast(0)))
        } else {
            base
        };
        let predicates = self.predicates(profile.manifest());
        Ok(predicates.fold(base, |selection, predicate| selection.filtered(predicate)))
    }
}

impl Filter<MapPredicate> {
    /// Reads every filter of maps.
    pub(super) fn of_maps(parameters: &Parameters) -> Result<Self, Problem> {
        Self::read(parameters, of_maps::PARAMETERS)
    }

    /// The maps of this profile that are meant.
    pub(super) fn maps(&self, profile: &Arc<Profile>, cancel: &Cancel) -> Result<MapSet, ServiceError> {
        let limits = Limits::default();
        let custom = self.script().map(|script| bytehound_dsl::filter_maps(script, profile, &limits, cancel));
        let base = custom.transpose().map_err(refused)?.flatten().unwrap_or_else(|| profile.all_maps());
        // Whatever is asked, what happened outside of the profile's time is left out.
        let always = MapPredicate::Mapped(Bound::AtLeast(0));
        let mut predicates = [always].into_iter().chain(self.predicates(profile.manifest()));
        Ok(predicates.try_fold(base, |maps, predicate| profile.select_maps(&maps, &predicate, cancel))?)
    }
}

/// The conditions on backtraces alone.
pub(super) fn of_backtraces(parameters: &Parameters) -> Result<Vec<Predicate>, Problem> {
    let mut conditions = Vec::new();
    for parameter in of_allocations::PARAMETERS.iter().filter(|parameter| parameter.is_of_frames()) {
        if let Some(Value::Fixed(predicate, _)) = parameter.read(parameters)? {
            conditions.push(predicate);
        }
    }
    Ok(conditions)
}

impl<P: Clone> Filter<P> {
    fn read(parameters: &Parameters, known: &'static [Parameter<P>]) -> Result<Self, Problem> {
        refuse_unknown_words(parameters, known)?;
        let mut conditions = Vec::new();
        for parameter in known {
            if let Some(value) = parameter.read(parameters)? {
                conditions.push(Condition { parameter, value });
            }
        }
        Ok(Self { conditions, custom: parameters.one("custom_filter")?.map(str::to_owned) })
    }

    fn predicates(&self, manifest: &Manifest) -> impl Iterator<Item = P> {
        self.conditions.iter().map(|condition| condition.value.predicate(manifest))
    }

    fn script(&self) -> Option<&str> {
        self.custom.as_deref().filter(|script| !script.is_empty())
    }
}

impl<P: Clone> Parameter<P> {
    fn read(&self, parameters: &Parameters) -> Result<Option<Value<P>>, Problem> {
        let name = self.name;
        if let Kind::Alive(build) = self.kind {
            return alive_at(parameters, build);
        }
        let Some(text) = parameters.one(name)? else { return Ok(None) };
        let number =
            |build: fn(u64) -> P, number: u64| Value::Fixed(build(number), number.cast_signed().to_string());
        Ok(Some(match self.kind {
            Kind::Number(build) => number(build, parameters.read(name)?.unwrap_or_default()),
            Kind::Count(build) => number(build, parameters.read::<u32>(name)?.unwrap_or_default().into()),
            Kind::Interval(build) => Value::At(build, Offset::Duration(duration(text)?)),
            Kind::Moment(flavour, build) => Value::At(build, Offset::parse(text, flavour)?),
            Kind::Amount { ref number, ref share } => match Amount::parse(text)? {
                Amount::Number(count) => Value::Fixed(number(count), count.to_string()),
                Amount::Share(part) => Value::Fixed(share(part), script::float(part.0)),
            },
            Kind::Regex(build) => {
                let pattern = Pattern::new(text).map_err(|error| malformed(name, error))?;
                Value::Fixed(build(pattern), script::text(text))
            }
            Kind::Backtrace(build) => {
                let id = parameters.read::<u32>(name)?.unwrap_or_default();
                Value::Fixed(build(bytehound_index::BacktraceId(id).into()), format!("[{id}]"))
            }
            Kind::Map(build) => {
                // No profile has as many maps as to have the last one: it matches nothing.
                let id = parameters.read::<u64>(name)?.unwrap_or_default();
                let map = MapId(u32::try_from(id).unwrap_or(u32::MAX));
                Value::Fixed(build(map.into()), format!("[{}]", id.cast_signed()))
            }
            Kind::Word(word, Some(ref predicate)) if word == text => {
                Value::Fixed(predicate.clone(), String::new())
            }
            Kind::WholeGroup(word, ref predicate) if word == text => {
                Value::Fixed(predicate.clone(), script::float(1.0))
            }
            _ => return Ok(None),
        }))
    }
}

impl<P: Clone> Value<P> {
    fn predicate(&self, manifest: &Manifest) -> P {
        match self {
            Self::Fixed(predicate, _) => predicate.clone(),
            Self::At(build, offset) => build(offset.in_us(manifest)),
            Self::AliveAt(build, offsets) => {
                build(offsets.iter().map(|offset| offset.in_us(manifest)).collect())
            }
        }
    }
}

/// One or two moments, at each of which it must have been alive.
fn alive_at<P>(parameters: &Parameters, build: fn(Vec<u64>) -> P) -> Result<Option<Value<P>>, Problem> {
    let given = [parameters.one("alive_at")?, parameters.one("alive_at_2")?];
    let offsets = given.into_iter().flatten().map(|text| Offset::parse(text, instants::Flavour::From));
    let offsets = offsets.collect::<Result<Vec<_>, _>>()?;
    Ok((!offsets.is_empty()).then_some(Value::AliveAt(build, offsets)))
}

fn refuse_unknown_words<P>(parameters: &Parameters, known: &[Parameter<P>]) -> Result<(), Problem> {
    for (index, parameter) in known.iter().enumerate().filter(|(_, parameter)| parameter.word().is_some()) {
        let is_first = known[..index].iter().all(|earlier| earlier.name != parameter.name);
        if is_first {
            let same = known.iter().filter(|other| other.name == parameter.name);
            let words: Vec<_> = same.filter_map(Parameter::word).map(|word| (word, ())).collect();
            parameters.word(parameter.name, &words)?;
        }
    }
    Ok(())
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

fn refused(error: ScriptError) -> ServiceError {
    ServiceError::Refused(format!("failed to evaluate custom filter: {error}"))
}

/// Whether everything that happened did so after the profile began.
fn begins_after_start(profile: &Profile) -> bool {
    profile.row_count() == 0 || profile.allocation(Row(0)).birth_us > profile.manifest().start_us
}
