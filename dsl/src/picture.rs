//! Pictures of memory over time for others than scripts.

use std::sync::Arc;

use bytehound_index::{Cancel, MapSet, Profile, RowSet};

use crate::chart::Look;
use crate::palette::Scheme;
use crate::points::{Content, Extent, Show, View, draw};

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
    let mut taken = RowSet::empty(profile.row_count());
    let mut own = Vec::with_capacity(series.len());
    for (_, rows) in series {
        own.push(Arc::new(rows.difference(&taken)));
        taken = taken.union(rows);
    }
    let labels: Vec<_> = series.iter().map(|(label, _)| Some((*label).to_owned())).collect();
    picture(profile, Show::MemoryUsage, &Content::Allocations(own), &labels, detail, cancel)
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
    picture(profile, Show::Rss, &Content::Maps(vec![maps.clone()]), &[None], detail, cancel)
}

fn picture(
    profile: &Arc<Profile>,
    show: Show,
    content: &Content,
    labels: &[Option<String>],
    detail: Detail,
    cancel: &Cancel,
) -> Result<String, String> {
    let is_full = detail == Detail::Full;
    let look = Look { axes: is_full, grid: true, legend: is_full };
    let view = View { profile, show, extent: &Extent::default(), look, scheme: Scheme::Palette };
    draw(&view, content, labels, cancel).map_err(|failure| failure.to_string())
}
