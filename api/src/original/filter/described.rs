//! The filter parameters as the document of the API has them.

use super::parameter::{Kind, Parameter};
use super::{of_allocations, of_maps};
use crate::parameter::{Parameter as Described, Values};

const CUSTOM: Described = Described::text(
    "custom_filter",
    "a script that results in the list which the other filters are applied to",
);

/// Filters of allocations.
pub(in crate::original) fn all_of_allocations() -> Vec<Described> {
    described(of_allocations::PARAMETERS.iter()).chain([CUSTOM]).collect()
}

/// Filters of maps.
pub(in crate::original) fn all_of_maps() -> Vec<Described> {
    described(of_maps::PARAMETERS.iter()).chain([CUSTOM]).collect()
}

/// Filters of backtraces.
pub(in crate::original) fn all_of_backtraces() -> Vec<Described> {
    described(of_allocations::PARAMETERS.iter().filter(|parameter| parameter.is_of_frames())).collect()
}

/// Each once: those with words have a row for every word.
fn described<P: 'static>(
    rows: impl Iterator<Item = &'static Parameter<P>> + Clone,
) -> impl Iterator<Item = Described> {
    let all = rows.clone();
    let mut last = "";
    rows.filter(move |row| std::mem::replace(&mut last, row.name) != row.name).flat_map(move |row| {
        let words = all.clone().filter(|other| other.name == row.name).filter_map(Parameter::word);
        let values = match row.kind {
            Kind::Number(_) | Kind::Count(_) | Kind::Backtrace(_) | Kind::Map(_) => Values::Integer,
            Kind::Word(..) | Kind::WholeGroup(..) => Values::Words(words.collect()),
            Kind::Interval(_) | Kind::Moment(..) | Kind::Amount { .. } | Kind::Regex(_) | Kind::Alive(_) => {
                Values::Text
            }
        };
        let about = match values {
            Values::Words(_) => "which ones".to_owned(),
            _ => format!("as `{}` of scripts", row.call),
        };
        let one = |name| Described {
            name,
            about: about.clone().into(),
            values: values.clone(),
            is_required: false,
        };
        let second = matches!(row.kind, Kind::Alive(_)).then(|| one("alive_at_2"));
        [one(row.name)].into_iter().chain(second)
    })
}
