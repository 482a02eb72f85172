//! `Graph`: a builder for pictures of memory over time.

mod axis;
mod calls;
mod chart;
mod palette;
mod points;
mod series;

use std::sync::Arc;

use crate::allocation_list::AllocationList;
use crate::failure::Failure;
use crate::flame;
use crate::group_list::AllocationGroupList;
use crate::session::Session;
use series::{AnyList, Series, disjoint, parts};

pub(crate) use calls::register;
pub(crate) use chart::Look;
pub(crate) use palette::Scheme;
pub(crate) use points::{Extent, Show, View, draw};
pub(crate) use series::{Held, Part};

/// Series in one graph: more can neither be told apart nor be drawn in reasonable time.
const MAX_SERIES: usize = 1_000;

#[derive(Clone)]
pub(crate) struct Graph {
    session: Arc<Session>,
    series: Vec<Series>,
    /// What the content says, unless told otherwise.
    show: Option<Show>,
    extent: Extent,
    look: Look,
    scheme: Scheme,
    only_non_empty: bool,
}

impl Graph {
    pub(crate) fn new(session: &Arc<Session>) -> Self {
        Self {
            session: Arc::clone(session),
            series: Vec::new(),
            show: None,
            extent: Extent::default(),
            look: Look { axes: true, grid: true, legend: true },
            scheme: Scheme::Palette,
            only_non_empty: false,
        }
    }

    /// This graph with one series more, above the others.
    pub(crate) fn with_list(self, label: Option<String>, list: AllocationList) -> Result<Self, Failure> {
        self.with_series(Series { label, list: AnyList::Allocations(list) })
    }

    fn with_series(mut self, series: Series) -> Result<Self, Failure> {
        self.require_kind(series.is_of_maps())?;
        require_room(self.series.len() + 1)?;
        self.series.push(series);
        Ok(self)
    }

    fn with_groups(mut self, groups: &AllocationGroupList) -> Result<Self, Failure> {
        self.require_kind(false)?;
        require_room(self.series.len() + groups.groups()?.len())?;
        let lists = groups.lists()?.into_iter().map(AnyList::Allocations);
        self.series.extend(lists.map(|list| Series { label: None, list }));
        Ok(self)
    }

    fn showing(&self, show: Show) -> Result<Self, Failure> {
        match self.series.first() {
            Some(series) if series.is_of_maps() != show.is_of_maps() => Err(mixed(show.is_of_maps())),
            _ => Ok(Self { show: Some(show), ..self.clone() }),
        }
    }

    fn require_kind(&self, is_of_maps: bool) -> Result<(), Failure> {
        match self.is_of_maps() {
            Some(already) if already != is_of_maps => Err(mixed(is_of_maps)),
            _ => Ok(()),
        }
    }

    /// What it is a graph of, as far as that is decided.
    fn is_of_maps(&self) -> Option<bool> {
        let by_content = self.series.first().map(Series::is_of_maps);
        by_content.or_else(|| self.show.map(Show::is_of_maps))
    }

    fn bounded(&self, change: impl FnOnce(&mut Extent)) -> Self {
        let mut graph = self.clone();
        change(&mut graph.extent);
        graph
    }

    fn looking(&self, change: impl FnOnce(&mut Look)) -> Self {
        let mut graph = self.clone();
        change(&mut graph.look);
        graph
    }

    pub(crate) fn save(&self, path: Option<&str>) -> Result<Self, Failure> {
        let svg = draw(&self.view(), &self.parts()?, &self.session.cancel())?;
        let path = path.map_or_else(|| self.session.next_graph_name(), str::to_owned);
        self.session.world().write(&path, svg.into_bytes())?;
        Ok(self.clone())
    }

    fn save_each_as_graph(&self, directory: &str) -> Result<Self, Failure> {
        self.save_each(directory, |part| {
            draw(&self.view(), std::slice::from_ref(part), &self.session.cancel())
        })
    }

    fn save_each_as_flame_graph(&self, directory: &str) -> Result<Self, Failure> {
        self.save_each(directory, |part| match &part.held {
            Held::Allocations(rows) => flame::of_rows(&part.profile, rows, &self.session.cancel()),
            Held::Maps(_) => Err(Failure::FlameOfMaps),
        })
    }

    fn save_each(
        &self,
        directory: &str,
        draw: impl Fn(&Part) -> Result<String, Failure>,
    ) -> Result<Self, Failure> {
        let prefix = match directory {
            "." | "" => String::new(),
            directory => {
                self.session.world().make_directories(directory)?;
                format!("{}/", directory.trim_end_matches('/'))
            }
        };
        for (index, (series, part)) in self.series.iter().zip(self.own_parts()?).enumerate() {
            let name = series.label.clone().unwrap_or_else(|| format!("Series #{index}"));
            let picture = draw(&part)?;
            self.session.world().write(&format!("{prefix}{name}.svg"), picture.into_bytes())?;
        }
        Ok(self.clone())
    }

    fn view(&self) -> View<'_> {
        let default = if self.is_of_maps() == Some(true) { Show::Rss } else { Show::MemoryUsage };
        View {
            show: self.show.unwrap_or(default),
            extent: &self.extent,
            look: self.look,
            scheme: self.scheme,
        }
    }

    /// What each series is drawn from, and the labels that are shown.
    fn parts(&self) -> Result<Vec<Part>, Failure> {
        if self.only_non_empty { self.own_parts() } else { self.held() }
    }

    /// Of every series what no series before it has.
    fn own_parts(&self) -> Result<Vec<Part>, Failure> {
        let mut parts = disjoint(self.held()?);
        if self.only_non_empty {
            parts.iter_mut().filter(|part| part.held.is_empty()).for_each(|part| part.label = None);
        }
        Ok(parts)
    }

    fn held(&self) -> Result<Vec<Part>, Failure> {
        if self.series.is_empty() { Err(Failure::EmptyGraph) } else { parts(&self.series) }
    }
}

/// What is wrong with maps, or else allocations, here.
fn mixed(is_of_maps: bool) -> Failure {
    if is_of_maps { Failure::NotMapGraph } else { Failure::NotAllocationGraph }
}

fn require_room(wanted: usize) -> Result<(), Failure> {
    if wanted > MAX_SERIES { Err(Failure::TooManySeries { limit: MAX_SERIES, wanted }) } else { Ok(()) }
}
