//! What is asked: every kind of question in turn, about every profile.

use crate::client::Call;
use crate::expected::Expected;
use crate::known::Known;
use clap::ValueEnum;
use serde_json::json;
use std::sync::Arc;

/// Scripts that a server may be asked to run all day: filters, groups, stacks, and a graph.
const SCRIPTS: [&str; 3] = [
    r#"println("{} {}", allocations().len(), allocations().only_leaked().len());"#,
    "let groups = allocations().only_leaked().group_by_backtrace().sort_by_size();\n\
     println(groups.len());\n\
     for group in groups.take(3) { println(group[0].backtrace().strip()); }",
    "allocations().only_temporary().save_as_graph();",
];

/// Stands for what tells a request from all others, in a question that is another one each time but has the same answer.
const NUMBER: &str = "NUMBER";
/// A word in names of functions, in captures that are made with known answers.
const WORD: &str = "cache";
/// Groups on a page.
const LIMIT: usize = 50;

/// A profile to ask about, and what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) id: String,
    pub(crate) known: Option<Arc<Known>>,
}

/// Kinds of requests; each is reported on a line of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(crate) enum Kind {
    List,
    Groups,
    /// Groups of the stacks that a regular expression finds, another one each time.
    Filtered,
    Timeline,
    Script,
    Comparison,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::List, Self::Groups, Self::Filtered, Self::Timeline, Self::Script, Self::Comparison];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Groups => "groups",
            Self::Filtered => "filtered",
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
    /// What is known of the answer.
    pub(crate) expected: Option<Expected>,
}

impl Request {
    fn new(kind: Kind, path: impl Into<String>, body: impl Into<String>) -> Self {
        Self { kind, path: path.into(), body: body.into(), expected: None }
    }

    /// With what has to be in the answer, if that is known.
    fn expecting(self, expected: Option<Expected>) -> Self {
        Self { expected, ..self }
    }

    /// What is sent; `number` is that of no other request that the server ever got.
    pub(crate) fn body(&self, number: &str) -> String {
        self.body.replace(NUMBER, number)
    }

    pub(crate) fn call<'a>(&self, body: &'a str) -> Call<'a> {
        match self.kind {
            Kind::List | Kind::Groups | Kind::Timeline => Call::Get,
            Kind::Script => Call::PostText(body),
            Kind::Filtered | Kind::Comparison => Call::PostJson(body),
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
    /// Questions of these kinds about these profiles.
    pub(crate) fn over(subjects: &[Subject], kinds: &[Kind]) -> Self {
        let mut requests = vec![Request::new(Kind::List, "/list", "")];
        for (at, subject) in subjects.iter().enumerate() {
            requests.extend(about(subject));
            // With the next one; the last one with the first; a single one with itself.
            let other = &subjects[(at + 1) % subjects.len()].id;
            let body = json!({"base": {"profiles": [subject.id]}, "new": {"profiles": [other]}});
            requests.push(Request::new(Kind::Comparison, "/v1/comparisons", body.to_string()));
        }
        let of_kind = |kind| (0..requests.len()).filter(|&at| requests[at].kind == kind).collect();
        let by_kind = kinds.iter().copied().map(of_kind).filter(|all: &Vec<_>| !all.is_empty()).collect();
        Self { requests, by_kind }
    }

    pub(crate) fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// Every question of the kinds that are asked, once.
    pub(crate) fn each(&self) -> impl Iterator<Item = usize> {
        self.by_kind.iter().flatten().copied()
    }

    /// Which question comes as the `number`th: kinds in turn, among those of a kind as if by chance.
    pub(crate) fn at(&self, number: usize) -> usize {
        let of_kind = &self.by_kind[number % self.by_kind.len()];
        of_kind[scattered(number as u64) as usize % of_kind.len()]
    }
}

fn about(subject: &Subject) -> Vec<Request> {
    let Subject { id, known } = subject;
    let known = known.as_deref();
    let path = format!("/v1/profiles/{id}/groups");
    let groups = |sort| {
        let request = Request::new(Kind::Groups, format!("{path}?sort={sort}&order=desc&limit={LIMIT}"), "");
        request.expecting(known.map(|known| Expected::groups(known, sort, None, LIMIT)))
    };
    let pattern = format!("::{WORD}::|nobody{NUMBER}");
    let filter = json!([{ "passing_through_function": pattern }]);
    let sort = "allocated_bytes";
    let body = json!({ "filter": filter, "sort": sort, "order": "desc", "limit": LIMIT });
    let filtered = Request::new(Kind::Filtered, path.as_str(), body.to_string())
        .expecting(known.map(|known| Expected::groups(known, sort, Some(WORD), LIMIT)));
    let timeline = Request::new(Kind::Timeline, format!("/v1/profiles/{id}/timeline?points=500"), "")
        .expecting(known.map(Expected::timeline));
    let [counts, leaks, graph] =
        SCRIPTS.map(|script| Request::new(Kind::Script, format!("/script?profile={id}"), script));
    let counts = counts.expecting(known.map(Expected::counts));
    vec![groups("leaked_bytes"), groups("allocated_count"), filtered, timeline, counts, leaks, graph]
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

    fn subject(id: &str) -> Subject {
        Subject { id: id.to_owned(), known: None }
    }

    fn mix() -> Mix {
        Mix::over(&[subject("p_a"), subject("p_b")], &Kind::ALL)
    }

    #[test]
    fn every_kind_comes_equally_often() {
        let mix = mix();
        for kind in Kind::ALL {
            let count = (0..600).filter(|&number| mix.requests()[mix.at(number)].kind == kind).count();
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
        let mix = Mix::over(&[subject("p_a")], &Kind::ALL);
        let mut comparisons = mix.requests().iter().filter(|request| request.kind == Kind::Comparison);
        let body: serde_json::Value = serde_json::from_str(&comparisons.next().unwrap().body).unwrap();
        assert_eq!(body, json!({"base": {"profiles": ["p_a"]}, "new": {"profiles": ["p_a"]}}));
        assert_eq!(comparisons.next(), None);
    }
    #[test]
    fn only_the_kinds_that_are_wanted_come() {
        let mix = Mix::over(&[subject("p_a")], &[Kind::Timeline, Kind::Filtered]);
        let kinds: BTreeSet<_> = (0..100).map(|number| mix.requests()[mix.at(number)].kind).collect();
        assert_eq!(kinds, BTreeSet::from([Kind::Timeline, Kind::Filtered]));
    }

    #[test]
    fn a_filter_is_another_one_each_time() {
        let mix = mix();
        let filtered = mix.requests().iter().find(|request| request.kind == Kind::Filtered).unwrap();
        assert!(filtered.body("7").contains("nobody7"));
        assert_ne!(filtered.body("7"), filtered.body("8"));
    }
}
