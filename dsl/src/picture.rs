//! Pictures of memory over time for others than scripts.

use std::sync::Arc;

use bytehound_index::{Cancel, MapSet, Profile, RowSet};

use crate::graph::{Extent, Held, Look, Part, Scheme, Show, View, draw};

/// How much of a picture is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// With axes and, for allocations, a legend.
    Full,
    /// The areas alone.
    Preview,
}

/// What named sets of allocations used over time, as SVG, one set on top of the other. An allocation counts in the first
/// set that has it.
///
/// # Errors
/// When `cancel` says so, or the picture can't be made; the text is for a person.
pub fn allocation_graph(
    profile: &Arc<Profile>,
    series: &[(&str, Arc<RowSet>)],
    detail: Detail,
    cancel: &Cancel,
) -> Result<String, String> {
    let part = |(label, rows): &(&str, Arc<RowSet>)| Part {
        label: Some((*label).to_owned()),
        profile: Arc::clone(profile),
        held: Held::Allocations(Arc::clone(rows)),
    };
    picture(Show::MemoryUsage, &series.iter().map(part).collect::<Vec<_>>(), detail, cancel)
}

/// The resident memory of some maps over time, as SVG.
///
/// # Errors
/// As [`allocation_graph`].
pub fn map_graph(
    profile: &Arc<Profile>,
    maps: &MapSet,
    detail: Detail,
    cancel: &Cancel,
) -> Result<String, String> {
    let part = Part { label: None, profile: Arc::clone(profile), held: Held::Maps(maps.clone()) };
    picture(Show::Rss, &[part], detail, cancel)
}

fn picture(show: Show, parts: &[Part], detail: Detail, cancel: &Cancel) -> Result<String, String> {
    let is_full = detail == Detail::Full;
    let look = Look { axes: is_full, grid: true, legend: is_full };
    let view = View { show, extent: &Extent::default(), look, scheme: Scheme::Palette };
    draw(&view, parts, cancel).map_err(|failure| failure.to_string())
}
