//! `GET /data/{id}/allocation_ascii_tree`

use super::filter::Filter;
use super::page::unread;
use super::text_table::{Table, bytes, seconds};
use super::{Answer, TEXT, streamed};
use crate::parameters::Parameters;
use crate::state::Api;
use crate::tree::{Node, Step, Tree};
use actix_web::HttpRequest;
use bytehound_index::Frame;

/// Frames that look the same are one.
#[derive(PartialEq, Eq, Hash)]
enum Place<'a> {
    Line(&'a str, u32),
    Function(&'a str),
    Address(u64),
}

/// What was allocated, along the paths of the backtraces, as text.
pub(crate) async fn allocation_ascii_tree(api: Api, request: HttpRequest) -> Answer {
    let filter = Filter::of_allocations(&Parameters::of(&request))?;
    streamed(&api, &request, TEXT, move |profile, writer, cancel| {
        let groups = profile.groups(&*filter.selection(profile, cancel)?, cancel)?;
        let tree = Tree::of(profile, &groups, |_, frame| Place::of(frame));
        cancel.check()?;
        table(&tree, profile.manifest().start_us).write(writer).map_err(unread)
    })
    .await
}

fn table(tree: &Tree<'_>, start_us: u64) -> Table<5> {
    let mut table = Table::new(["SIZE", "COUNT", "FIRST", "LAST", "SOURCE"]);
    // Of every node above the next: whether siblings of it are still to come.
    let mut open: Vec<bool> = Vec::new();
    for step in tree.walk() {
        let Step::Down { node, depth, is_last } = step else { continue };
        open.truncate(depth);
        let since_start = |us: u64| seconds(us.saturating_sub(start_us) / 1_000_000);
        let first = if node.count == 0 { start_us } else { node.first_us };
        table.push([
            bytes(node.bytes),
            node.count.to_string(),
            since_start(first),
            since_start(node.last_us),
            label(node, &open, is_last),
        ]);
        open.push(!is_last);
    }
    table
}

/// A bar for every open path to the left, a branch, and the frame.
fn label(node: &Node<'_>, open: &[bool], is_last: bool) -> String {
    let Some(frame) = &node.frame else { return "▒".to_owned() };
    // The root has no siblings.
    let bars: String = open.iter().skip(1).map(|is_open| if *is_open { '|' } else { ' ' }).collect();
    format!("{bars}{}{}", if is_last { '└' } else { '├' }, name(frame))
}

fn name(frame: &Frame<'_>) -> String {
    match (frame.name(), frame.source, frame.line) {
        (Some(function), Some(source), Some(line)) => {
            format!("{function} [{}:{line}]", source.rsplit('/').next().unwrap_or(source))
        }
        (Some(function), _, _) => function.to_owned(),
        (None, _, _) => match frame.library {
            Some(library) => format!("{:016X} [{library}]", frame.address),
            None => format!("{:016X}", frame.address),
        },
    }
}

impl<'a> Place<'a> {
    fn of(frame: &Frame<'a>) -> Self {
        match (frame.source, frame.line, frame.name()) {
            (Some(source), Some(line), _) => Self::Line(source, line),
            (_, _, Some(function)) => Self::Function(function),
            _ => Self::Address(frame.address),
        }
    }
}
