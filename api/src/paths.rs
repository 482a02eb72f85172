//! `GET /v1/profiles/{id}/tree` and `/flame`: allocations along the paths of their backtraces.

use crate::artifacts::PICTURE_POLICY;
use crate::conditions::selection;
use crate::data_json::{Source, data_json};
use crate::frame_json::FrameJson;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::state::Api;
use crate::tree::{Node, Tree};
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use bytehound_actors::ServiceError;
use bytehound_index::{Cancel, Profile, Selection};
use serde::Serialize;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Instant;

/// Nodes of one answer, unless told otherwise; and at most.
const LIMIT: usize = 10_000;
const LIMIT_MAX: usize = 100_000;

/// A node. Its parent, which is before it, is the index of another; the root has no parent and no frame.
#[derive(Serialize)]
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

struct Question {
    selection: Arc<Selection>,
    sort: Key,
    limit: usize,
}

/// The nodes with most of something; with a node its parent is there, which has at least as much.
pub(crate) async fn tree(
    api: Api,
    request: HttpRequest,
    mut payload: Payload,
) -> Result<HttpResponse, Problem> {
    let since = Instant::now();
    let (id, parameters) = api.question(&request, &mut payload, &["filter", "sort", "limit"]).await?;
    let question = Question::read(&parameters)?;
    let source = source(&question.selection);
    let answer = api.service.ask(vec![id], move |profiles, cancel| question.answer(&profiles[0], cancel));
    Ok(data_json(answer.await?, source, since))
}

/// The same as a picture, or as the text that pictures are made of.
pub(crate) async fn flame(
    api: Api,
    request: HttpRequest,
    mut payload: Payload,
) -> Result<HttpResponse, Problem> {
    let (id, parameters) = api.question(&request, &mut payload, &["filter", "format"]).await?;
    let selection = selection(&parameters)?;
    let is_picture = parameters.word("format", &[("svg", true), ("folded", false)])?.unwrap_or(true);
    let answer = api.service.ask(vec![id], move |profiles, cancel| {
        let rows = profiles[0].rows(&selection, cancel)?;
        if !is_picture {
            return Ok(bytehound_dsl::folded(&profiles[0], &rows, cancel)?);
        }
        let picture = bytehound_dsl::flame_graph(&profiles[0], &rows, cancel);
        cancel.check()?;
        picture.map_err(ServiceError::Refused)
    });
    let answer = answer.await?;
    let mut response = HttpResponse::Ok();
    match is_picture {
        true => {
            response.content_type("image/svg+xml").insert_header((CONTENT_SECURITY_POLICY, PICTURE_POLICY))
        }
        false => response.content_type("text/plain; charset=utf-8"),
    };
    Ok(response.body(answer))
}

fn source(selection: &Selection) -> Source {
    match selection {
        Selection::All => Source::Summaries,
        _ => Source::Allocations,
    }
}

impl Question {
    fn read(parameters: &Parameters) -> Result<Self, Problem> {
        Ok(Self {
            selection: selection(parameters)?,
            sort: parameters.word("sort", &METRICS)?.unwrap_or(METRICS[0].1),
            limit: parameters.read_named("limit")?.unwrap_or(LIMIT).clamp(1, LIMIT_MAX),
        })
    }

    fn answer(&self, profile: &Profile, cancel: &Cancel) -> Result<Value, ServiceError> {
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
        let shown: Vec<_> =
            shown.iter().map(|index| NodeJson::of(&nodes[*index], parent(&nodes[*index]))).collect();
        Ok(json!({ "nodes": shown, "total": nodes.len() }))
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
