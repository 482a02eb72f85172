//! The functions of `Graph`.

use rhai::Dynamic;

use super::Graph;
use super::palette::Scheme;
use super::points::Show;
use super::series::{AnyList, Series};
use crate::allocation_list::AllocationList;
use crate::failure::{Answer, Failure};
use crate::group_list::AllocationGroupList;
use crate::library::Library;
use crate::map_list::MapList;
use crate::span::Span;
use crate::text::type_name;

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
         list, which can't be named, gives a series for every group. A graph shows either allocations or maps.", "graph().add(\"Leaked\", allocations().only_leaked()).add(\"The rest\", allocations()).save()",
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
        let list = AnyList::Maps(list.clone());
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
        let source = if show.is_of_maps() { "maps()" } else { "allocations()" };
        let example = format!("graph().add({source}).{name}().save()");
        library.operator(name, "() -> Graph", meaning, example, move |graph: &mut Graph| -> Answer<Graph> {
            Ok(graph.showing(show)?)
        });
    }
}

fn register_extent(library: &mut Library<'_>) {
    library.define(
        "trim_left() -> Graph",
        "Begins where something first happens.",
        "graph().add(allocations()).trim_left().save()",
        |graph: &mut Graph| graph.bounded(|extent| extent.trim_left = true),
    );
    library.define(
        "trim_right() -> Graph",
        "Ends where something last happens.",
        "graph().add(allocations()).trim_right().save()",
        |graph: &mut Graph| graph.bounded(|extent| extent.trim_right = true),
    );
    library.define(
        "trim() -> Graph",
        "Both `trim_left` and `trim_right`.",
        "graph().add(allocations()).trim().save()",
        |graph: &mut Graph| graph.bounded(|extent| (extent.trim_left, extent.trim_right) = (true, true)),
    );
    library.define(
        "start_at(duration: Duration) -> Graph",
        "Begins at `duration` from the start of profiling.",
        "graph().add(allocations()).start_at(ms(1)).save()",
        |graph: &mut Graph, span: Span| graph.bounded(|extent| extent.start = Some(span.0)),
    );
    library.define(
        "end_at(duration: Duration) -> Graph",
        "Ends at `duration` from the start of profiling, which may be after its end.",
        "graph().add(allocations()).end_at(data().runtime() * 0.5).save()",
        |graph: &mut Graph, span: Span| graph.bounded(|extent| extent.end = Some(span.0)),
    );
}

fn register_look(library: &mut Library<'_>) {
    library.define(
        "without_legend() -> Graph",
        "Leaves out the names of the series.",
        "graph().add(\"All\", allocations()).without_legend().save()",
        |graph: &mut Graph| graph.looking(|look| look.legend = false),
    );
    library.define(
        "without_axes() -> Graph",
        "Leaves out the axes.",
        "graph().add(allocations()).without_axes().save()",
        |graph: &mut Graph| graph.looking(|look| look.axes = false),
    );
    library.define(
        "without_grid() -> Graph",
        "Leaves out the grid.",
        "graph().add(allocations()).without_grid().save()",
        |graph: &mut Graph| graph.looking(|look| look.grid = false),
    );
    library.define(
        "only_non_empty_series() -> Graph",
        "Leaves out the names of series that have no allocations.", "graph().add(\"None\", allocations().only_larger(gb(1))).add(allocations()).only_non_empty_series().save()",
        |graph: &mut Graph| Graph { only_non_empty: true, ..graph.clone() },
    );
    library.define(
        "with_gradient_color_scheme(start: String, end: String) -> Graph",
        "Colours the series from `start` at the bottom to `end` at the top; both are colours as CSS writes them.", "graph().add(allocations().group_by_backtrace().take(5)).with_gradient_color_scheme(\"gold\", \"#802020\").save()",
        |graph: &mut Graph, start: &str, end: &str| -> Answer<Graph> {
            Ok(Graph { scheme: Scheme::gradient(start, end)?, ..graph.clone() })
        },
    );
}

fn register_save(library: &mut Library<'_>) {
    library.define(
        "save([path: String]) -> Graph",
        "Draws the graph into a file, `Graph #N.svg` unless named.",
        "graph().add(allocations()).save(\"all.svg\")",
        |graph: &mut Graph| -> Answer<Graph> { Ok(graph.save(None)?) },
    );
    library
        .overload("save", |graph: &mut Graph, path: &str| -> Answer<Graph> { Ok(graph.save(Some(path))?) });
    library.define(
        "save_each_series_as_graph([output_directory: String]) -> Graph",
        "Draws every series alone, into a file with its name or `Series #N.svg`.",
        "graph().add(\"Leaked\", allocations().only_leaked()).save_each_series_as_graph(\"each\")",
        |graph: &mut Graph| -> Answer<Graph> { Ok(graph.save_each_as_graph(".")?) },
    );
    library.overload("save_each_series_as_graph", |graph: &mut Graph, directory: &str| -> Answer<Graph> {
        Ok(graph.save_each_as_graph(directory)?)
    });
    library.define(
        "save_each_series_as_flamegraph([output_directory: String]) -> Graph",
        "Draws a flame graph of every series, into a file with its name or `Series #N.svg`.",
        "graph().add(\"Leaked\", allocations().only_leaked()).save_each_series_as_flamegraph(\"each\")",
        |graph: &mut Graph| -> Answer<Graph> { Ok(graph.save_each_as_flame_graph(".")?) },
    );
    library.overload(
        "save_each_series_as_flamegraph",
        |graph: &mut Graph, directory: &str| -> Answer<Graph> {
            Ok(graph.save_each_as_flame_graph(directory)?)
        },
    );
}
