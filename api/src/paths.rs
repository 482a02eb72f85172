//! `GET /v1/profiles/{id}/tree` and `/flame`: allocations along the paths of their backtraces.

use crate::answer::{Answer, Source};
use crate::conditions::{FILTER, selection};
use crate::frame_json::FrameJson;
use crate::operation::Operation;
use crate::parameter::{Parameter, words};
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::question::Question;
use crate::tree::{Node, Tree};
use bytehound_actors::ServiceError;
use bytehound_index::{Cancel, Profile, Selection};
use schemars::JsonSchema;
use serde::Serialize;
use std::cmp::Reverse;
use std::sync::Arc;

/// Nodes of one answer, unless told otherwise; and at most.
const LIMIT: usize = 10_000;
const LIMIT_MAX: usize = 100_000;

/// Nodes, and how many there are.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TreeJson<'a> {
    nodes: Vec<NodeJson<'a>>,
    total: usize,
}

/// A node. Its parent, which is before it, is the index of another; the root has no parent and no frame.
#[derive(Serialize, JsonSchema)]
struct NodeJson<'a> {
    parent: Option<usize>,
    allocated_count: u64,
    allocated_bytes: u64,
    leaked_count: u64,
    leaked_bytes: u64,
    #[serde(flatten)]
    frame: Option<FrameJson<'a>>,
}

type Key = fn(&Node<'_>) -> u64;

const METRICS: [(&str, Key); 4] = [
    ("allocated_bytes", |node| node.bytes),
    ("allocated_count", |node| node.count),
    ("leaked_bytes", |node| node.leaked_bytes),
    ("leaked_count", |node| node.leaked_count),
];

/// The nodes with most of something; with a node its parent is there, which has at least as much.
pub(crate) struct Paths {
    selection: Arc<Selection>,
    sort: Key,
    limit: usize,
}

impl Question for Paths {
    const NAME: &'static str = "tree";
    const ABOUT: &'static str = "allocations along the paths of their backtraces";
    const PARAMETERS: &'static [Parameter] = &[
        FILTER,
        Parameter::word(
            "sort",
            &words(&METRICS),
            "of what the nodes shown have most: `allocated_bytes` unless told otherwise",
        ),
        Parameter::integer("limit", "how many to show: 10 000 unless told otherwise, at most 100 000"),
    ];
    type Data = TreeJson<'static>;

    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        Ok(Self {
            selection: selection(parameters)?,
            sort: parameters.word("sort", &METRICS)?.unwrap_or(METRICS[0].1),
            limit: parameters.read_named("limit")?.unwrap_or(LIMIT).clamp(1, LIMIT_MAX),
        })
    }

    fn answer(&self, profile: &Profile, cancel: &Cancel) -> Result<Answer, ServiceError> {
        let groups = profile.groups(&self.selection, cancel)?;
        let tree = Tree::of(profile, &groups, |id, _| id);
        cancel.check()?;
        let nodes = tree.nodes();
        let mut shown: Vec<usize> = (0..nodes.len()).collect();
        // A parent has no less than its child, and a smaller number: it comes first.
        shown.sort_by_key(|index| (Reverse((self.sort)(&nodes[*index])), *index));
        shown.truncate(self.limit);
        let mut place = vec![None; nodes.len()];
        shown.iter().enumerate().for_each(|(at, index)| place[*index] = Some(at));
        let parent = |node: &Node<'_>| node.parent.and_then(|parent| place[parent]);
        let total = nodes.len();
        let nodes = shown.iter().map(|index| NodeJson::of(&nodes[*index], parent(&nodes[*index]))).collect();
        let source = match *self.selection {
            Selection::All => Source::Summaries,
            _ => Source::Allocations,
        };
        Ok(Answer::json(&TreeJson { nodes, total }, source))
    }
}

/// The same as a picture, or as the text that pictures are made of.
pub(crate) struct Flame {
    selection: Arc<Selection>,
    is_picture: bool,
}

const FORMATS: [(&str, bool); 2] = [("svg", true), ("folded", false)];

impl Question for Flame {
    const NAME: &'static str = "flame";
    const ABOUT: &'static str = "a flame graph of bytes";
    const PARAMETERS: &'static [Parameter] = &[
        FILTER,
        Parameter::word("format", &words(&FORMATS), "a picture, unless it is `folded`: folded stacks"),
    ];
    /// It is no JSON.
    type Data = ();

    fn answers(operation: Operation) -> Operation {
        operation.gives_bytes(200, "image/svg+xml").gives_bytes(200, "text/plain")
    }

    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        let is_picture = parameters.word("format", &FORMATS)?.unwrap_or(true);
        Ok(Self { selection: selection(parameters)?, is_picture })
    }

    fn answer(&self, profile: &Profile, cancel: &Cancel) -> Result<Answer, ServiceError> {
        let rows = profile.rows(&self.selection, cancel)?;
        if !self.is_picture {
            return Ok(Answer::text(bytehound_dsl::folded(profile, &rows, cancel)?));
        }
        let picture = bytehound_dsl::flame_graph(profile, &rows, cancel);
        cancel.check()?;
        picture.map(Answer::picture).map_err(ServiceError::Refused)
    }
}

impl<'a> NodeJson<'a> {
    fn of(node: &Node<'a>, parent: Option<usize>) -> Self {
        Self {
            parent,
            allocated_count: node.count,
            allocated_bytes: node.bytes,
            leaked_count: node.leaked_count,
            leaked_bytes: node.leaked_bytes,
            frame: node.frame.map(FrameJson::of),
        }
    }
}
