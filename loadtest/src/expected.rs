//! What an answer has to say, where that is known beforehand.

use crate::known::{Known, SUMS};
use serde_json::Value;
use std::collections::HashSet;

/// What is known of the answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Over all points.
    Timeline { allocations: u64, deallocations: u64, peak_bytes: u64, peak_live: u64 },
    /// A page of groups, those with most of something first.
    Groups { total: usize, sort: &'static str, values: Vec<u64>, sums: HashSet<[u64; 4]> },
    /// The first line that a script prints.
    Printed(String),
}

impl Expected {
    pub(crate) fn timeline(known: &Known) -> Self {
        Self::Timeline {
            allocations: known.allocations,
            deallocations: known.allocations - known.leaked_count,
            peak_bytes: known.peak_bytes,
            peak_live: known.peak_live,
        }
    }

    /// Of the stacks through functions with a word in their names, or of all.
    pub(crate) fn groups(known: &Known, sort: &'static str, word: Option<&str>, limit: usize) -> Self {
        let (total, values) = known.largest(sort, word, limit);
        Self::Groups { total, sort, values, sums: known.sums(word) }
    }

    pub(crate) fn counts(known: &Known) -> Self {
        Self::Printed(format!("{} {}", known.allocations, known.leaked_count))
    }

    /// Says what is wrong with an answer, if anything is.
    pub(crate) fn check(&self, answer: &Value) -> Result<(), String> {
        match self {
            Self::Timeline { allocations, deallocations, peak_bytes, peak_live } => {
                let data = &answer["data"];
                same("allocations", numbers(&data["allocations"]).sum(), *allocations)?;
                same("deallocations", numbers(&data["deallocations"]).sum(), *deallocations)?;
                same("the peak", numbers(&data["live_bytes"]).max().unwrap_or(0), *peak_bytes)?;
                same("most blocks", numbers(&data["live_count"]).max().unwrap_or(0), *peak_live)
            }
            Self::Groups { total, sort, values, sums } => {
                let data = &answer["data"];
                same("groups", data["total"].as_u64().unwrap_or(0), *total as u64)?;
                let groups = data["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
                let found: Vec<_> = groups.iter().filter_map(|group| group[sort].as_u64()).collect();
                if found != *values {
                    return Err(format!("`{sort}` of the groups is {found:?}, but {values:?} are known"));
                }
                match groups.iter().find(|group| !sums.contains(&sums_of(group))) {
                    Some(group) => Err(format!("no such group is known: {:?}", sums_of(group))),
                    None => Ok(()),
                }
            }
            Self::Printed(line) => {
                let printed = answer["output"][0]["value"].as_str().unwrap_or_default().trim_end();
                if printed == line {
                    Ok(())
                } else {
                    Err(format!("printed `{printed}`, but `{line}` is known"))
                }
            }
        }
    }
}

fn same(what: &str, found: u64, known: u64) -> Result<(), String> {
    if found == known { Ok(()) } else { Err(format!("{what}: {found}, but {known} is known")) }
}

fn numbers(array: &Value) -> impl Iterator<Item = u64> {
    array.as_array().into_iter().flatten().filter_map(Value::as_u64)
}

fn sums_of(group: &Value) -> [u64; 4] {
    SUMS.map(|name| group[name].as_u64().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn known() -> Known {
        serde_json::from_value(json!({
            "allocations": 9, "leaked_count": 2, "peak_bytes": 700, "peak_live": 5,
            "groups": [
                {"through": ["cache"], "allocations": 4, "allocated_bytes": 40, "leaked_count": 2, "leaked_bytes": 20},
                {"through": [], "allocations": 5, "allocated_bytes": 90, "leaked_count": 0, "leaked_bytes": 0},
            ],
        }))
        .unwrap()
    }

    fn group(count: u64, bytes: u64, leaked: (u64, u64)) -> Value {
        json!({"allocated_count": count, "allocated_bytes": bytes, "leaked_count": leaked.0, "leaked_bytes": leaked.1})
    }

    #[test]
    fn a_timeline_has_to_add_up() {
        let expected = Expected::timeline(&known());
        let timeline = |live: u64| json!({"data": {"allocations": [4, 5], "deallocations": [0, 7], "live_bytes": [live, 3], "live_count": [5, 2]}});
        assert_eq!(expected.check(&timeline(700)), Ok(()));
        assert!(expected.check(&timeline(699)).unwrap_err().contains("699"));
    }

    #[test]
    fn groups_have_to_be_the_largest_ones_and_known() {
        let answer = |total: u64, groups: &[Value]| json!({"data": {"total": total, "groups": groups}});
        let all = Expected::groups(&known(), "allocated_count", None, 50);
        let (large, small) = (group(5, 90, (0, 0)), group(4, 40, (2, 20)));
        assert_eq!(all.check(&answer(2, &[large.clone(), small.clone()])), Ok(()));
        assert!(all.check(&answer(2, &[small.clone(), large.clone()])).is_err());
        assert!(all.check(&answer(3, &[large.clone(), small.clone()])).is_err());
        assert!(all.check(&answer(2, &[group(5, 91, (0, 0)), small.clone()])).is_err());
        let filtered = Expected::groups(&known(), "allocated_count", Some("cache"), 50);
        assert_eq!(filtered.check(&answer(1, &[small])), Ok(()));
        assert!(filtered.check(&answer(1, &[large])).is_err());
    }

    #[test]
    fn a_script_has_to_print_the_counts() {
        let expected = Expected::counts(&known());
        assert_eq!(expected.check(&json!({"output": [{"value": "9 2"}]})), Ok(()));
        assert!(expected.check(&json!({"output": []})).is_err());
    }
}
