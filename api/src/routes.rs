//! Which path goes where.

use crate::{
    access, allocations, artifacts, assets, backtraces, capture, comparisons, events, explain, groups,
    health, maps, metrics, original, paths, problem, profiles, request_log, scripts, store, summary,
    timeline, upload,
};
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, Resource};

/// All routes. The first that fits a path has it.
pub(crate) fn routes(config: &mut ServiceConfig) {
    let guarded = web::scope("")
        .wrap(from_fn(access::check))
        .wrap(from_fn(access::dress))
        .wrap(from_fn(request_log::follow))
        .configure(ours)
        .configure(those_of_the_original)
        .service(web::resource("/healthz").get(health::alive))
        .service(web::resource("/readyz").get(health::ready))
        .service(web::resource("/metrics").get(metrics::show))
        .default_service(web::to(assets::serve));
    config.service(guarded);
}

fn ours(config: &mut ServiceConfig) {
    config
        .service(resource("/v1/profiles", "GET, POST").get(profiles::list).post(upload::receive))
        .service(
            resource("/v1/profiles/{id}", "GET, PATCH, DELETE")
                .get(profiles::show)
                .patch(profiles::change)
                .delete(profiles::remove),
        )
        .service(resource("/v1/profiles/{id}/data", "GET").get(capture::download))
        .service(resource("/v1/profiles/{id}/events", "GET").get(events::follow))
        .service(resource("/v1/profiles/{id}/summary", "GET").get(summary::show))
        .service(question("timeline").get(timeline::show).post(timeline::show))
        .service(question("groups").get(groups::list).post(groups::list))
        .service(question("tree").get(paths::tree).post(paths::tree))
        .service(question("flame").get(paths::flame).post(paths::flame))
        .service(question("allocations").get(allocations::list).post(allocations::list))
        .service(question("maps").get(maps::list).post(maps::list))
        .service(resource("/v1/profiles/{id}/maps/{map_id}", "GET").get(maps::show))
        .service(question("explain").get(explain::show).post(explain::show))
        .service(question("backtraces").get(backtraces::list).post(backtraces::list))
        .service(resource("/v1/profiles/{id}/backtraces/{backtrace_id}", "GET").get(backtraces::show))
        .service(resource("/v1/profiles/{id}/verify", "POST").post(store::verify))
        .service(resource("/v1/profiles/{id}/reindex", "POST").post(store::reindex))
        .service(resource("/v1/store", "GET").get(store::stat))
        .service(resource("/v1/store/gc", "POST").post(store::collect_garbage))
        .service(resource("/v1/comparisons", "POST").post(comparisons::compare))
        .service(resource("/v1/scripts", "POST").post(scripts::run))
        .service(resource("/script", "POST").post(scripts::run))
        .service(resource("/v1/artifacts/{checksum}/{name:.*}", "GET").get(artifacts::show))
        .service(resource("/v1/observe", "GET").get(health::observe))
        .service(web::scope("/v1").default_service(web::to(problem::unknown_route)));
}

fn those_of_the_original(config: &mut ServiceConfig) {
    config
        .service(web::resource("/list").get(original::list))
        .service(web::resource("/data/{id}/timeline").get(original::timeline))
        .service(web::resource("/data/{id}/timeline_leaked").get(original::timeline_leaked))
        .service(web::resource("/data/{id}/timeline_maps").get(original::timeline_maps))
        .service(web::resource("/data/{id}/allocations").get(original::allocations))
        .service(web::resource("/data/{id}/allocation_groups").get(original::allocation_groups))
        .service(
            web::resource("/data/{id}/allocation_graph/{backtrace_id}/{name}")
                .get(original::allocation_graph),
        )
        .service(web::resource("/data/{id}/maps").get(original::maps))
        .service(web::resource("/data/{id}/map_graph/{map_id}/{name}").get(original::map_graph))
        .service(web::resource("/data/{id}/backtraces").get(original::backtraces))
        .service(web::resource("/data/{id}/backtrace/{backtrace_id}").get(original::backtrace))
        .service(web::resource("/data/{id}/raw_allocations").get(original::raw_allocations))
        .service(web::resource("/data/{id}/tree").get(original::tree))
        .service(web::resource("/data/{id}/regions").get(original::regions))
        .service(web::resource("/data/{id}/mallopts").get(original::mallopts))
        .service(web::resource(named("export/flamegraph")).get(original::flame_graph))
        .service(web::resource(named("export/flamegraph.pl")).get(original::folded_stacks))
        .service(web::resource(named("export/heaptrack")).get(original::heaptrack))
        .service(web::resource(named("export/replay")).get(original::replay))
        .service(web::resource("/data/{id}/allocation_ascii_tree").get(original::allocation_ascii_tree))
        .service(web::resource(named("dynamic_constants")).get(original::dynamic_constants))
        .service(web::resource(named("dynamic_statics")).get(original::dynamic_statics))
        .service(
            web::resource(named("dynamic_constants_ascii_tree")).get(original::dynamic_constants_ascii_tree),
        )
        .service(web::resource(named("dynamic_statics_ascii_tree")).get(original::dynamic_statics_ascii_tree))
        .service(
            web::resource("/data/{id}/allocation_filter_to_script")
                .get(original::allocation_filter_to_script),
        )
        .service(web::resource("/data/{id}/map_filter_to_script").get(original::map_filter_to_script))
        .service(web::resource("/data/{id}/execute_script").post(original::execute_script))
        .service(web::resource("/data/{id}/script_files/{checksum}/{name:.*}").get(original::script_file));
}

/// A route that may end in a name, for the file that a browser keeps the answer in.
fn named(route: &str) -> [String; 2] {
    [format!("/data/{{id}}/{route}"), format!("/data/{{id}}/{route}/{{name}}")]
}

/// A question to one profile: its parameters come in the query string, or in a body.
fn question(name: &str) -> Resource {
    resource(&format!("/v1/profiles/{{id}}/{name}"), "GET, POST")
}

/// A resource of ours: a method that is not allowed is told as a problem.
fn resource(path: &str, allowed: &'static str) -> Resource {
    let refuse = move |request: HttpRequest| async move { problem::unknown_method(&request, allowed) };
    web::resource(path).default_service(web::to(refuse))
}
