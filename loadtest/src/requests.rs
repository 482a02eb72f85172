//! What is asked: every kind of question in turn, about every profile.

use crate::client::Call;
use serde_json::json;

/// Scripts that a server may be asked to run all day: filters, groups, stacks, and a graph.
const SCRIPTS: [&str; 3] = [
    r#"println("{} {}", allocations().len(), allocations().only_leaked().len());"#,
    "let groups = allocations().only_leaked().group_by_backtrace().sort_by_size();\n\
     println(groups.len());\n\
     for group in groups.take(3) { println(group[0].backtrace().strip()); }",
    "allocations().only_temporary().save_as_graph();",
];

/// Kinds of requests; each is reported on a line of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    List,
    Groups,
    Timeline,
    Script,
    Comparison,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::List, Self::Groups, Self::Timeline, Self::Script, Self::Comparison];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Groups => "groups",
            Self::Timeline => "timeline",
            Self::Script => "script",
            Self::Comparison => "comparison",
        }
    }

    /// Fields of the answer that differ each time by nature.
    pub(crate) fn volatile(self) -> &'static [&'static str] {
        match self {
            // How long the script ran.
            Self::Script => &["elapsed"],
            _ => &[],
        }
    }
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    pub(crate) path: String,
    body: String,
}

impl Request {
    fn new(kind: Kind, path: impl Into<String>, body: impl Into<String>) -> Self {
        Self { kind, path: path.into(), body: body.into() }
    }

    pub(crate) fn call(&self) -> Call<'_> {
        match self.kind {
            Kind::List | Kind::Groups | Kind::Timeline => Call::Get,
            Kind::Script => Call::PostText(&self.body),
            Kind::Comparison => Call::PostJson(&self.body),
        }
    }
}

/// All questions, by kind.
#[derive(Debug)]
pub(crate) struct Mix {
    requests: Vec<Request>,
    by_kind: Vec<Vec<usize>>,
}

impl Mix {
    /// Questions about these profiles.
    pub(crate) fn over(profiles: &[String]) -> Self {
        let mut requests = vec![Request::new(Kind::List, "/list", "")];
        for (at, id) in profiles.iter().enumerate() {
            requests.extend(about(id));
            // With the next one; the last one with the first; a single one with itself.
            let other = &profiles[(at + 1) % profiles.len()];
            let body = json!({"base": {"profiles": [id]}, "new": {"profiles": [other]}});
            requests.push(Request::new(Kind::Comparison, "/v1/comparisons", body.to_string()));
        }
        let of_kind = |kind| (0..requests.len()).filter(|&at| requests[at].kind == kind).collect();
        let by_kind = Kind::ALL.into_iter().map(of_kind).filter(|all: &Vec<_>| !all.is_empty()).collect();
        Self { requests, by_kind }
    }

    pub(crate) fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// Which question comes as the `number`th: kinds in turn, among those of a kind as if by chance.
    pub(crate) fn at(&self, number: usize) -> usize {
        let of_kind = &self.by_kind[number % self.by_kind.len()];
        of_kind[scattered(number as u64) as usize % of_kind.len()]
    }
}

fn about(id: &str) -> Vec<Request> {
    let groups = |sort| format!("/v1/profiles/{id}/groups?sort={sort}&order=desc&limit=50");
    let mut requests = vec![
        Request::new(Kind::Groups, groups("leaked_bytes"), ""),
        Request::new(Kind::Groups, groups("allocated_count"), ""),
        Request::new(Kind::Timeline, format!("/v1/profiles/{id}/timeline?points=500"), ""),
    ];
    requests
        .extend(SCRIPTS.map(|script| Request::new(Kind::Script, format!("/script?profile={id}"), script)));
    requests
}

/// The same number for the same input, and no pattern among neighbours.
fn scattered(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_add(1).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 33
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn mix() -> Mix {
        Mix::over(&["p_a".to_owned(), "p_b".to_owned()])
    }

    #[test]
    fn every_kind_comes_equally_often() {
        let mix = mix();
        for kind in Kind::ALL {
            let count = (0..500).filter(|&number| mix.requests()[mix.at(number)].kind == kind).count();
            assert_eq!(count, 100, "{kind:?}");
        }
    }

    #[test]
    fn every_question_is_asked_before_long() {
        let mix = mix();
        let asked: BTreeSet<_> = (0..300).map(|number| mix.at(number)).collect();
        assert_eq!(asked.len(), mix.requests().len());
    }

    #[test]
    fn a_single_profile_is_compared_with_itself() {
        let mix = Mix::over(&["p_a".to_owned()]);
        let mut comparisons = mix.requests().iter().filter(|request| request.kind == Kind::Comparison);
        let body: serde_json::Value = serde_json::from_str(&comparisons.next().unwrap().body).unwrap();
        assert_eq!(body, json!({"base": {"profiles": ["p_a"]}, "new": {"profiles": ["p_a"]}}));
        assert_eq!(comparisons.next(), None);
    }
}
