//! What a filter is, and how it becomes a function of a list.

use bytehound_index::{BacktraceSet, Pattern};
use rhai::{Array, Dynamic};

use crate::backtrace_ids::backtrace_ids;
use crate::failure::{Answer, Failure};
use crate::library::Library;
use crate::list::List;
use crate::span::Span;
use crate::text::type_name;

const OF_BACKTRACES: &str =
    "(backtrace_ids: Backtrace|AllocationList|MapList|AllocationGroupList|Integer|[…])";

/// A filter by its name, the condition that its argument makes, and its meaning.
pub(crate) struct Filter<P> {
    name: &'static str,
    /// The argument in its example.
    example: &'static str,
    condition: By<P>,
    meaning: &'static str,
}

/// The condition of a filter, by what it is made from.
pub(crate) enum By<P> {
    Nothing(fn() -> P),
    /// Negative numbers are taken as the huge unsigned ones with the same bits.
    Integer(fn(u64) -> P),
    Duration(fn(u64) -> P),
    Instants(fn(Vec<u64>) -> P),
    Regex(fn(Pattern) -> P),
    Backtraces(fn(BacktraceSet) -> P),
}

/// In examples: a backtrace, and two times.
pub(crate) const A_BACKTRACE: &str = "allocations()[0].backtrace()";
pub(crate) const TWO_TIMES: &str = "[ms(10), data().runtime() * 0.5]";

pub(crate) const fn filter<P>(
    name: &'static str,
    example: &'static str,
    condition: By<P>,
    meaning: &'static str,
) -> Filter<P> {
    Filter { name, example, condition, meaning }
}

/// Makes each of `filters` a function of `L`.
pub(crate) fn register<L: List>(library: &mut Library<'_>, filters: &[Filter<L::Predicate>]) {
    library.section(L::NAME);
    for filter in filters {
        register_one::<L>(library, filter);
    }
}

fn register_one<L: List>(library: &mut Library<'_>, filter: &Filter<L::Predicate>) {
    let &Filter { name, example, ref condition, meaning } = filter;
    let signature = format!("{} -> {}", condition.parameters(), L::NAME);
    library.describe(name, signature, meaning, format!("{}.{name}({example})", L::SOURCE));
    match *condition {
        By::Nothing(predicate) => {
            library.overload(name, move |list: &mut L| -> Answer<L> { Ok(list.filtered(predicate())?) });
        }
        By::Integer(predicate) => {
            library.overload(name, move |list: &mut L, number: i64| -> Answer<L> {
                Ok(list.filtered(predicate(number.cast_unsigned()))?)
            });
        }
        By::Duration(predicate) => {
            library.overload(name, move |list: &mut L, span: Span| -> Answer<L> {
                Ok(list.filtered(predicate(span.0))?)
            });
        }
        By::Instants(predicate) => {
            library.overload(name, move |list: &mut L, durations: Dynamic| -> Answer<L> {
                Ok(list.filtered(predicate(times(&durations)?))?)
            });
        }
        By::Regex(predicate) => {
            library.overload(name, move |list: &mut L, regex: &str| -> Answer<L> {
                Ok(list.filtered(predicate(compile(regex)?))?)
            });
        }
        By::Backtraces(predicate) => {
            library.overload(name, move |list: &mut L, ids: Dynamic| -> Answer<L> {
                Ok(list.filtered(predicate(backtrace_ids(list.profile(), &ids)?))?)
            });
        }
    }
}

impl<P> By<P> {
    fn parameters(&self) -> &'static str {
        match self {
            Self::Nothing(_) => "()",
            Self::Integer(_) => "(threshold: Integer)",
            Self::Duration(_) => "(duration: Duration)",
            Self::Instants(_) => "(durations: [Duration])",
            Self::Regex(_) => "(regex: String)",
            Self::Backtraces(_) => OF_BACKTRACES,
        }
    }
}

/// The times that an array of durations names.
fn times(durations: &Dynamic) -> Result<Vec<u64>, Failure> {
    let array = durations.read_lock::<Array>().ok_or_else(|| Failure::NotDurations(type_name(durations)))?;
    let time = |value: &Dynamic| match value.read_lock::<Span>() {
        Some(span) => Ok(span.0),
        None => Err(Failure::NotDurations(format!("an array with {}", type_name(value)))),
    };
    array.iter().map(time).collect()
}

fn compile(regex: &str) -> Result<Pattern, Failure> {
    Pattern::new(regex).map_err(|error| Failure::Regex(error.to_string()))
}
