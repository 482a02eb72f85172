//! One page of a list, and where the next one begins.

use crate::errors::BAD_PARAMETER;
use crate::parameter::{Parameter, words};
use crate::parameters::Parameters;
use crate::problem::Problem;

/// Elements of one page, unless told otherwise; and at most.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 1000;

const ORDERS: [(&str, bool); 2] = [("asc", true), ("desc", false)];

pub(crate) const ORDER: Parameter =
    Parameter::word("order", &words(&ORDERS), "`desc`, the largest first, unless it is `asc`");
pub(crate) const LIMIT_OF_PAGE: Parameter =
    Parameter::integer("limit", "how many to show: 50 unless told otherwise, at most 1000");
pub(crate) const CURSOR: Parameter =
    Parameter::text("cursor", "`next` of the answer before: the page after that one");

/// Which part of a list is wanted.
pub(crate) struct Page {
    pub(crate) is_ascending: bool,
    limit: usize,
    /// Elements that earlier pages had: a profile does not change, so their number is all that there is to know.
    skip: usize,
}

impl Page {
    pub(crate) fn read(parameters: &Parameters) -> Result<Self, Problem> {
        let order = parameters.word("order", &ORDERS)?;
        let skip =
            parameters.one("cursor")?.map_or(Some(0), |cursor| cursor.strip_prefix("after-")?.parse().ok());
        Ok(Self {
            is_ascending: order.unwrap_or(false),
            limit: parameters.read_named("limit")?.unwrap_or(LIMIT).min(LIMIT_MAX),
            skip: skip.ok_or_else(foreign_cursor)?,
        })
    }

    /// The first elements.
    pub(crate) fn first(limit: usize) -> Self {
        Self { is_ascending: false, limit, skip: 0 }
    }

    /// From which to before which element the page reaches, and the cursor of the next, if there is one.
    pub(crate) fn part(&self, len: usize) -> (std::ops::Range<usize>, Option<String>) {
        let end = self.skip.saturating_add(self.limit).min(len);
        let next = (end < len && self.limit > 0).then(|| format!("after-{end}"));
        (self.skip.min(end)..end, next)
    }
}

/// A cursor that leads nowhere.
pub(crate) fn foreign_cursor() -> Problem {
    Problem::new(&BAD_PARAMETER, "`cursor` is not one that an earlier answer gave as `next`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let page = |query: &str| Page::read(&Parameters::parse(query)).unwrap().part(7);
        assert_eq!(page("limit=3"), (0..3, Some("after-3".to_owned())));
        assert_eq!(page("limit=3&cursor=after-6"), (6..7, None));
        assert_eq!(page("limit=3&cursor=after-18446744073709551615"), (7..7, None));
        assert_eq!(page("limit=0"), (0..0, None));
        assert!(Page::read(&Parameters::parse("cursor=3")).is_err());
    }
}
