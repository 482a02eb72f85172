//! `Graph`: a builder for pictures of memory over time.

use std::sync::Arc;

use bytehound_index::{MapSet, Profile, RowSet};
use rhai::Dynamic;

use crate::allocation_list::AllocationList;
use crate::chart::Look;
use crate::failure::{Answer, Failure};
use crate::flame;
use crate::group_list::AllocationGroupList;
use crate::library::Library;
use crate::map_list::MapList;
use crate::palette::Scheme;
use crate::points::{Content, Extent, Show, View, draw};
use crate::session::Session;
use crate::span::Span;
use crate::text::type_name;

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

#[derive(Clone)]
struct Series {
    label: Option<String>,
    list: List,
}

#[derive(Clone)]
enum List {
    Allocations(AllocationList),
    Maps(MapList),
}

impl List {
    fn profile(&self) -> &Arc<Profile> {
        match self {
            Self::Allocations(list) => list.profile(),
            Self::Maps(list) => list.profile(),
        }
    }
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
        self.with_series(Series { label, list: List::Allocations(list) })
    }

    fn with_series(mut self, series: Series) -> Result<Self, Failure> {
        let is_of_maps = matches!(series.list, List::Maps(_));
        if self.is_of_maps().is_some_and(|already| already != is_of_maps) {
            return Err(mixed(is_of_maps));
        }
        if self.series.len() >= MAX_SERIES {
            return Err(Failure::TooManySeries { limit: MAX_SERIES, wanted: self.series.len() + 1 });
        }
        self.series.push(series);
        Ok(self)
    }

    fn with_groups(mut self, groups: &AllocationGroupList) -> Result<Self, Failure> {
        let wanted = self.series.len() + groups.groups()?.len();
        if wanted > MAX_SERIES {
            return Err(Failure::TooManySeries { limit: MAX_SERIES, wanted });
        }
        if self.is_of_maps() == Some(true) {
            return Err(mixed(false));
        }
        let lists = groups.lists()?.into_iter().map(List::Allocations);
        self.series.extend(lists.map(|list| Series { label: None, list }));
        Ok(self)
    }

    fn showing(&self, show: Show) -> Result<Self, Failure> {
        match self.series.first() {
            Some(series) if matches!(series.list, List::Maps(_)) != show.is_of_maps() => {
                Err(mixed(show.is_of_maps()))
            }
            _ => Ok(Self { show: Some(show), ..self.clone() }),
        }
    }

    /// What it is a graph of, as far as that is decided.
    fn is_of_maps(&self) -> Option<bool> {
        let by_content = self.series.first().map(|series| matches!(series.list, List::Maps(_)));
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
        let profile = self.profile()?;
        let content = self.content()?;
        let view = self.view(&profile);
        let labels: Vec<_> =
            self.series.iter().zip(content.each()).map(|(series, own)| self.label(series, &own)).collect();
        let svg = draw(&view, &content, &labels, &self.session.cancel)?;
        let path = path.map_or_else(|| self.session.next_graph_name(), str::to_owned);
        self.session.world().write(&path, svg.into_bytes())?;
        Ok(self.clone())
    }

    fn save_each_as_graph(&self, directory: &str) -> Result<Self, Failure> {
        let profile = self.profile()?;
        let view = self.view(&profile);
        self.save_each(directory, |series, own| {
            let label = self.label(series, own);
            draw(&view, own, &[label], &self.session.cancel)
        })
    }

    fn save_each_as_flame_graph(&self, directory: &str) -> Result<Self, Failure> {
        let profile = self.profile()?;
        self.save_each(directory, |_, own| match own {
            Content::Allocations(rows) => {
                let rows = rows.first().ok_or(Failure::EmptyGraph)?;
                flame::of_rows(&profile, rows, &self.session.cancel)
            }
            Content::Maps(_) => Err(Failure::FlameOfMaps),
        })
    }

    fn save_each(
        &self,
        directory: &str,
        draw: impl Fn(&Series, &Content) -> Result<String, Failure>,
    ) -> Result<Self, Failure> {
        let prefix = match directory {
            "." | "" => String::new(),
            directory => {
                self.session.world().make_directories(directory)?;
                format!("{}/", directory.trim_end_matches('/'))
            }
        };
        for (index, (series, own)) in self.series.iter().zip(self.content()?.each()).enumerate() {
            let name = series.label.clone().unwrap_or_else(|| format!("Series #{index}"));
            let picture = draw(series, &own)?;
            self.session.world().write(&format!("{prefix}{name}.svg"), picture.into_bytes())?;
        }
        Ok(self.clone())
    }

    fn view<'a>(&'a self, profile: &'a Arc<Profile>) -> View<'a> {
        let default = if self.is_of_maps() == Some(true) { Show::Rss } else { Show::MemoryUsage };
        let show = self.show.unwrap_or(default);
        View { profile, show, extent: &self.extent, look: self.look, scheme: self.scheme }
    }

    fn label(&self, series: &Series, own: &Content) -> Option<String> {
        let hidden = self.only_non_empty && own.is_empty();
        series.label.clone().filter(|_| !hidden)
    }

    /// The data file that all series come from.
    fn profile(&self) -> Result<Arc<Profile>, Failure> {
        let first = self.series.first().ok_or(Failure::EmptyGraph)?.list.profile();
        if self.series.iter().any(|series| series.list.profile().id() != first.id()) {
            let kind = if self.is_of_maps() == Some(true) { "map" } else { "allocation" };
            return Err(Failure::MixedGraph(kind));
        }
        Ok(Arc::clone(first))
    }

    /// Of every series what no series before it has.
    fn content(&self) -> Result<Content, Failure> {
        if self.is_of_maps() == Some(true) { Ok(Content::Maps(self.own_maps())) } else { self.own_rows() }
    }

    fn own_maps(&self) -> Vec<MapSet> {
        let mut taken = MapSet::default();
        let mut own = Vec::with_capacity(self.series.len());
        for series in &self.series {
            if let List::Maps(list) = &series.list {
                own.push(list.maps().difference(&taken));
                taken = taken.union(list.maps());
            }
        }
        own
    }

    fn own_rows(&self) -> Result<Content, Failure> {
        let mut taken: Option<RowSet> = None;
        let mut own = Vec::with_capacity(self.series.len());
        for series in &self.series {
            self.session.cancel.check()?;
            let List::Allocations(list) = &series.list else { continue };
            let rows = list.rows()?;
            match taken {
                None => {
                    taken = Some(RowSet::clone(&rows));
                    own.push(rows);
                }
                Some(earlier) => {
                    own.push(Arc::new(rows.difference(&earlier)));
                    taken = Some(earlier.union(&rows));
                }
            }
        }
        Ok(Content::Allocations(own))
    }
}

/// What is wrong with maps, or else allocations, here.
fn mixed(is_of_maps: bool) -> Failure {
    if is_of_maps { Failure::NotMapGraph } else { Failure::NotAllocationGraph }
}

pub(crate) fn register(library: &mut Library<'_>) {
    library.object::<Graph>("Graph");
    register_add(library);
    register_show(library);
    register_extent(library);
    register_look(library);
    register_save(library);
}

fn register_add(library: &mut Library<'_>) {
    library.define(
        "add([series_name: String,] list: AllocationList|AllocationGroupList|MapList) -> Graph",
        "One series more, above the others; an allocation, or map, belongs to the first series that has it. A group \
         list, which can't be named, gives a series for every group. A graph shows either allocations or maps.",
        |graph: &mut Graph, list: Dynamic| -> Answer<Graph> { Ok(add(graph, None, &list)?) },
    );
    library.overload("add", |graph: &mut Graph, name: &str, list: Dynamic| -> Answer<Graph> {
        Ok(add(graph, Some(name), &list)?)
    });
}

fn add(graph: &Graph, name: Option<&str>, list: &Dynamic) -> Result<Graph, Failure> {
    if let Some(list) = list.read_lock::<AllocationList>() {
        return graph.clone().with_list(name.map(str::to_owned), list.clone());
    }
    if let Some(list) = list.read_lock::<MapList>() {
        let list = List::Maps(list.clone());
        return graph.clone().with_series(Series { label: name.map(str::to_owned), list });
    }
    if let (None, Some(groups)) = (name, list.read_lock::<AllocationGroupList>()) {
        return graph.clone().with_groups(&groups);
    }
    let expected = match name {
        None => "an 'AllocationList', 'AllocationGroupList' or 'MapList' object as its `list`",
        Some(_) => "an 'AllocationList' or 'MapList' object as its `list`",
    };
    Err(Failure::Argument { function: "add", expected, got: type_name(list) })
}

fn register_show(library: &mut Library<'_>) {
    for (name, show, meaning) in [
        (
            "show_memory_usage",
            Show::MemoryUsage,
            "Shows the bytes that are allocated. This is what a graph of allocations shows unless told otherwise.",
        ),
        ("show_live_allocations", Show::LiveAllocations, "Shows how many allocations are alive."),
        ("show_new_allocations", Show::NewAllocations, "Shows how many allocations are made in each moment."),
        ("show_deallocations", Show::Deallocations, "Shows how many allocations are freed in each moment."),
        (
            "show_rss",
            Show::Rss,
            "Shows the memory of maps that is resident. This is what a graph of maps shows unless told otherwise.",
        ),
        ("show_address_space", Show::AddressSpace, "Shows how many addresses maps take, used or not."),
    ] {
        library.operator(name, "() -> Graph", meaning, move |graph: &mut Graph| -> Answer<Graph> {
            Ok(graph.showing(show)?)
        });
    }
}

fn register_extent(library: &mut Library<'_>) {
    library.define("trim_left() -> Graph", "Begins where something first happens.", |graph: &mut Graph| {
        graph.bounded(|extent| extent.trim_left = true)
    });
    library.define("trim_right() -> Graph", "Ends where something last happens.", |graph: &mut Graph| {
        graph.bounded(|extent| extent.trim_right = true)
    });
    library.define("trim() -> Graph", "Both `trim_left` and `trim_right`.", |graph: &mut Graph| {
        graph.bounded(|extent| (extent.trim_left, extent.trim_right) = (true, true))
    });
    library.define(
        "start_at(duration: Duration) -> Graph",
        "Begins at `duration` from the start of profiling.",
        |graph: &mut Graph, span: Span| graph.bounded(|extent| extent.start = Some(span.0)),
    );
    library.define(
        "end_at(duration: Duration) -> Graph",
        "Ends at `duration` from the start of profiling, which may be after its end.",
        |graph: &mut Graph, span: Span| graph.bounded(|extent| extent.end = Some(span.0)),
    );
}

fn register_look(library: &mut Library<'_>) {
    library.define(
        "without_legend() -> Graph",
        "Leaves out the names of the series.",
        |graph: &mut Graph| graph.looking(|look| look.legend = false),
    );
    library.define("without_axes() -> Graph", "Leaves out the axes.", |graph: &mut Graph| {
        graph.looking(|look| look.axes = false)
    });
    library.define("without_grid() -> Graph", "Leaves out the grid.", |graph: &mut Graph| {
        graph.looking(|look| look.grid = false)
    });
    library.define(
        "only_non_empty_series() -> Graph",
        "Leaves out the names of series that have no allocations.",
        |graph: &mut Graph| Graph { only_non_empty: true, ..graph.clone() },
    );
    library.define(
        "with_gradient_color_scheme(start: String, end: String) -> Graph",
        "Colours the series from `start` at the bottom to `end` at the top; both are colours as CSS writes them.",
        |graph: &mut Graph, start: &str, end: &str| -> Answer<Graph> {
            Ok(Graph { scheme: Scheme::gradient(start, end)?, ..graph.clone() })
        },
    );
}

fn register_save(library: &mut Library<'_>) {
    library.define(
        "save([path: String]) -> Graph",
        "Draws the graph into a file, `Graph #N.svg` unless named.",
        |graph: &mut Graph| -> Answer<Graph> { Ok(graph.save(None)?) },
    );
    library
        .overload("save", |graph: &mut Graph, path: &str| -> Answer<Graph> { Ok(graph.save(Some(path))?) });
    library.define(
        "save_each_series_as_graph([output_directory: String]) -> Graph",
        "Draws every series alone, into a file with its name or `Series #N.svg`.",
        |graph: &mut Graph| -> Answer<Graph> { Ok(graph.save_each_as_graph(".")?) },
    );
    library.overload("save_each_series_as_graph", |graph: &mut Graph, directory: &str| -> Answer<Graph> {
        Ok(graph.save_each_as_graph(directory)?)
    });
    library.define(
        "save_each_series_as_flamegraph([output_directory: String]) -> Graph",
        "Draws a flame graph of every series, into a file with its name or `Series #N.svg`.",
        |graph: &mut Graph| -> Answer<Graph> { Ok(graph.save_each_as_flame_graph(".")?) },
    );
    library.overload(
        "save_each_series_as_flamegraph",
        |graph: &mut Graph, directory: &str| -> Answer<Graph> {
            Ok(graph.save_each_as_flame_graph(directory)?)
        },
    );
}
