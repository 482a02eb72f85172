//! Which path of the original's goes where.

use super::allocation_json::AllocationJson;
use super::backtraces::{BacktraceJson, RawJson};
use super::filter::{FilterScript, all_of_allocations, all_of_backtraces, all_of_maps};
use super::frame_json::FrameJson;
use super::group_json::GroupJson;
use super::list::DataJson;
use super::mallopts::MalloptJson;
use super::map_json::MapJson;
use super::regions::RegionsJson;
use super::static_initializers::Places;
use super::tree::NodeJson;
use super::{
    allocations, ascii_tree, backtraces, exports, filter_script, graphs, groups, heaptrack, list, mallopts,
    maps, regions, replay, script, static_initializers, statics_ascii_tree, timelines, tree,
};
use crate::operation::Operation;
use crate::parameter::{Parameter, words};
use crate::resource::Resource;
use crate::script_json::ScriptJson;
use actix_web::http::Method;
use actix_web::{FromRequest, Handler, Responder};
use bytehound_index::{CompatibleMapTimeline, CompatibleTimeline};
use schemars::JsonSchema;

const SORT_BY: &str = "what to order by";
const SORT_OF_ALLOCATIONS: Parameter = Parameter::word("sort_by", &words(&allocations::SORTS), SORT_BY);
const SORT_OF_MAPS: Parameter = Parameter::word("sort_by", &words(&maps::SORTS), SORT_BY);
const ORDERS: &[&str] = &["asc", "dsc"];
const PAGE: [Parameter; 3] = [
    Parameter::integer("skip", "how many to leave out"),
    Parameter::integer("count", "how many to show"),
    Parameter::word("order", ORDERS, "ascending unless it is `dsc`"),
];
const BOOLEANS: &[&str] = &["true", "false"];
const GRAPHS: Parameter =
    Parameter::word("generate_graphs", BOOLEANS, "whether each has the addresses of its two pictures");
const STRIP: Parameter =
    Parameter::word("strip_template_args", BOOLEANS, "whether template arguments are left out");

/// All of them.
pub(crate) fn resources() -> Vec<Resource> {
    [lists(), over_time(), trees(), exported(), statics(), scripts()].into_iter().flatten().collect()
}

fn lists() -> Vec<Resource> {
    let allocations = original("allocations", "allocations, one by one")
        .gives_list::<AllocationJson<'_>>("allocations")
        .takes(&all_of_allocations())
        .takes(&PAGE)
        .takes(&[SORT_OF_ALLOCATIONS, STRIP]);
    let groups = original("allocation_groups", "allocations by backtrace")
        .gives_list::<GroupJson<'_>>("allocations")
        .takes(&all_of_allocations())
        .takes(&PAGE)
        .takes(&[Parameter::text("sort_by", SORT_BY), GRAPHS, STRIP]);
    let maps = original("maps", "mapped memory").gives_list::<MapJson<'_>>("maps");
    let maps = maps.takes(&all_of_maps()).takes(&PAGE).takes(&[
        SORT_OF_MAPS,
        Parameter::integer("id", "the map with this number"),
        Parameter::word("with_regions", BOOLEANS, "whether each has its regions"),
        Parameter::word("with_usage_history", BOOLEANS, "whether each has what it needed over time"),
        GRAPHS,
        STRIP,
    ]);
    let backtraces = original("backtraces", "all backtraces")
        .gives_list::<Vec<FrameJson<'_>>>("backtraces")
        .takes(&all_of_backtraces())
        .takes(&[STRIP]);
    vec![
        Resource::original("/list").on(
            Method::GET,
            list::list,
            json::<Vec<DataJson<'_>>>("list", "what there is"),
        ),
        data("allocations", allocations::allocations, allocations),
        data("allocation_groups", groups::allocation_groups, groups),
        data("maps", maps::maps, maps),
        data("backtraces", backtraces::backtraces, backtraces),
        data(
            "backtrace/{backtrace_id}",
            backtraces::backtrace,
            json::<BacktraceJson<'_>>("backtrace", "one backtrace").takes(&[STRIP]),
        ),
        data(
            "raw_allocations",
            backtraces::raw_allocations,
            json::<Vec<RawJson>>("raw_allocations", "of every allocation the addresses of its backtrace"),
        ),
        data(
            "regions",
            regions::regions,
            json::<RegionsJson>("regions", "ranges of addresses that allocations took")
                .takes(&all_of_allocations()),
        ),
        data(
            "mallopts",
            mallopts::mallopts,
            json::<Vec<MalloptJson<'_>>>("mallopts", "calls of `mallopt`").takes(&[STRIP]),
        ),
    ]
}

fn over_time() -> Vec<Resource> {
    vec![
        data("timeline", timelines::timeline, json::<CompatibleTimeline>("timeline", "memory over time")),
        data(
            "timeline_leaked",
            timelines::timeline_leaked,
            json::<CompatibleTimeline>("timeline_leaked", "leaked memory over time"),
        ),
        data(
            "timeline_maps",
            timelines::timeline_maps,
            json::<CompatibleMapTimeline>("timeline_maps", "mapped memory over time"),
        ),
        data(
            "allocation_graph/{backtrace_id}/{name}",
            graphs::allocation_graph,
            picture("allocation_graph", "a group over time").takes(&all_of_allocations()),
        ),
        data("map_graph/{map_id}/{name}", graphs::map_graph, picture("map_graph", "a map over time")),
    ]
}

fn trees() -> Vec<Resource> {
    let paths = json::<NodeJson<'_>>("tree", "allocations along the paths of their backtraces")
        .takes(&all_of_allocations());
    let text = text("allocation_ascii_tree", "the same as text").takes(&all_of_allocations());
    vec![
        data("tree", tree::tree, paths.takes(&[STRIP])),
        data("allocation_ascii_tree", ascii_tree::allocation_ascii_tree, text),
    ]
}

fn exported() -> Vec<Resource> {
    let flame_graph = || picture("flame_graph", "a flame graph of bytes").takes(&all_of_allocations());
    let folded = || bytes("folded_stacks", "folded stacks").takes(&all_of_allocations());
    let heaptrack = || bytes("heaptrack", "a data file of heaptrack").takes(&all_of_allocations());
    let replay = || bytes("replay", "steps to make the same allocations again").takes(&all_of_allocations());
    [
        named("export/flamegraph", exports::flame_graph, flame_graph),
        named("export/flamegraph.pl", exports::folded_stacks, folded),
        named("export/heaptrack", heaptrack::heaptrack, heaptrack),
        named("export/replay", replay::replay, replay),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn statics() -> Vec<Resource> {
    let constants = || json::<Places>("dynamic_constants", "memory that initialisers of constants keep");
    let statics = || json::<Places>("dynamic_statics", "memory that initialisers of statics keep");
    let constants_tree = || text("dynamic_constants_ascii_tree", "the same as text");
    let statics_tree = || text("dynamic_statics_ascii_tree", "the same as text");
    [
        named("dynamic_constants", static_initializers::dynamic_constants, constants),
        named("dynamic_statics", static_initializers::dynamic_statics, statics),
        named(
            "dynamic_constants_ascii_tree",
            statics_ascii_tree::dynamic_constants_ascii_tree,
            constants_tree,
        ),
        named("dynamic_statics_ascii_tree", statics_ascii_tree::dynamic_statics_ascii_tree, statics_tree),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn scripts() -> Vec<Resource> {
    let of_allocations =
        json::<FilterScript>("allocation_filter_to_script", "a filter of allocations as a script");
    let of_maps = json::<FilterScript>("map_filter_to_script", "a filter of maps as a script");
    let execute = json::<ScriptJson>("execute_script", "runs the body").takes_bytes("text/plain");
    vec![
        data(
            "allocation_filter_to_script",
            filter_script::allocation_filter_to_script,
            of_allocations.takes(&all_of_allocations()),
        ),
        data("map_filter_to_script", filter_script::map_filter_to_script, of_maps.takes(&all_of_maps())),
        Resource::original("/data/{id}/execute_script").on(Method::POST, script::execute_script, execute),
        data(
            "script_files/{checksum}/{name:.*}",
            script::script_file,
            picture("script_file", "a picture that a script drew"),
        ),
    ]
}

fn data<F, Arguments>(route: &str, handler: F, operation: Operation) -> Resource
where
    F: Handler<Arguments>,
    Arguments: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Resource::original(format!("/data/{{id}}/{route}")).on(Method::GET, handler, operation)
}

/// A route that may end in a name, for the file that a browser keeps the answer in.
fn named<F, Arguments>(route: &str, handler: F, operation: impl Fn() -> Operation) -> [Resource; 2]
where
    F: Handler<Arguments>,
    Arguments: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    [
        data(route, handler.clone(), operation()),
        data(&format!("{route}/{{name}}"), handler, operation().renamed("_as_file")),
    ]
}

fn original(name: &str, about: &'static str) -> Operation {
    Operation::new(&format!("original_{name}"), about).fails_in_words()
}

fn json<T: JsonSchema>(name: &str, about: &'static str) -> Operation {
    original(name, about).gives_json::<T>(200)
}

fn text(name: &str, about: &'static str) -> Operation {
    original(name, about).gives_bytes(200, "text/plain")
}

fn bytes(name: &str, about: &'static str) -> Operation {
    original(name, about).gives_bytes(200, "application/octet-stream")
}

fn picture(name: &str, about: &'static str) -> Operation {
    original(name, about).gives_bytes(200, "image/svg+xml")
}
