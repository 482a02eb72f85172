//! `GET /data/{id}/tree`

use super::filter::Filter;
use super::frame_json::FrameJson;
use super::page::unread;
use super::{Answer, JSON, streamed};
use crate::parameters::Parameters;
use crate::state::Api;
use crate::tree::{Node, Step, Tree};
use actix_web::HttpRequest;
use schemars::JsonSchema;
use std::io::{self, Write};

/// A node, which is written before it is known what hangs on it. The root has no frame.
#[derive(JsonSchema)]
#[schemars(rename = "OriginalNode")]
#[expect(dead_code, reason = "it is the shape of what is written")]
pub(crate) struct NodeJson<'a> {
    size: u64,
    count: u64,
    /// Seconds since 1970.
    first: u64,
    last: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<FrameJson<'a>>,
    children: Vec<NodeJson<'a>>,
}

/// What was allocated, along the paths of the backtraces.
pub(crate) async fn tree(api: Api, request: HttpRequest) -> Answer {
    let parameters = Parameters::of(&request);
    let filter = Filter::of_allocations(&parameters)?;
    let strips = parameters.read("strip_template_args")?.unwrap_or(false);
    streamed(&api, &request, JSON, move |profile, writer, cancel| {
        let groups = profile.groups(&*filter.selection(profile, cancel)?, cancel)?;
        let tree = Tree::of(profile, &groups, |id, _| id);
        cancel.check()?;
        write_tree(writer, &tree, strips).map_err(unread)
    })
    .await
}

fn write_tree(writer: &mut impl Write, tree: &Tree<'_>, strips: bool) -> io::Result<()> {
    let mut follows = false;
    for step in tree.walk() {
        match step {
            Step::Down { node, .. } => {
                if follows {
                    writer.write_all(b",")?;
                }
                open(writer, node, strips)?;
                follows = false;
            }
            Step::Up => {
                writer.write_all(b"]}")?;
                follows = true;
            }
        }
    }
    Ok(())
}

/// A node up to where its children come. A tree of nothing has its times at zero.
fn open(writer: &mut impl Write, node: &Node<'_>, strips: bool) -> io::Result<()> {
    let (size, count, last) = (node.bytes, node.count, node.last_us / 1_000_000);
    let first = if count == 0 { 0 } else { node.first_us / 1_000_000 };
    write!(writer, "{{\"size\":{size},\"count\":{count},\"first\":{first},\"last\":{last}")?;
    if let Some(frame) = node.frame {
        writer.write_all(b",\"value\":")?;
        serde_json::to_writer(&mut *writer, &FrameJson::of(frame, strips))?;
    }
    writer.write_all(b",\"children\":[")
}
