//! Which path goes where.

use crate::allocations::Allocations;
use crate::answer::Wrapped;
use crate::backtraces::Backtraces;
use crate::comparison_json::ComparisonJson;
use crate::digest::REPR_DIGEST;
use crate::explain::Explain;
use crate::groups::Groups;
use crate::histograms::Distribution;
use crate::jobs::{JobJson, JobsJson};
use crate::labels::{LABEL, LABELS, NAME};
use crate::maps::Maps;
use crate::operation::Operation;
use crate::paths::{Flame, Paths};
use crate::profile_json::ProfileJson;
use crate::question::{numbered, question};
use crate::resource::Resource;
use crate::summary::Summary;
use crate::timeline::OverTime;
use crate::upload::ReceivedJson;
use crate::uploads::UploadJson;
use crate::{
    access, artifacts, assets, capture, comparisons, document, events, health, jobs, metrics, original,
    problem, profiles, request_log, scripts, store, upload, uploads,
};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use bytehound_actors::Observations;
use bytehound_store::{Freed, Stat, Verified};
use serde_json::Value;

const CAPTURE: &str = "application/octet-stream";
const TEXT: &str = "text/plain";

/// All routes. The first that fits a path has it.
pub(crate) fn routes(config: &mut ServiceConfig) {
    let guarded = web::scope("")
        .wrap(from_fn(access::check))
        .wrap(from_fn(access::dress))
        .wrap(from_fn(request_log::follow))
        .configure(|config| resources().into_iter().for_each(|resource| resource.register(config)))
        .service(web::scope("/v1").default_service(web::to(problem::unknown_route)))
        .default_service(web::to(assets::serve));
    config.service(guarded);
}

/// All that the document describes.
pub(crate) fn resources() -> Vec<Resource> {
    [profiles(), questions(), partial_uploads(), running(), other(), original::resources()]
        .into_iter()
        .flatten()
        .collect()
}

fn profiles() -> Vec<Resource> {
    let list = Operation::new("list_profiles", "all profiles, the newest first").takes(profiles::LISTED);
    let receive = Operation::new("upload", "takes a capture in")
        .takes(&[NAME, LABEL])
        .takes_header(LABELS)
        .takes_header(REPR_DIGEST)
        .takes_bytes(CAPTURE);
    let put = Operation::new("put_profile", "takes in the capture that has this id, unless it is kept")
        .takes(&[NAME, LABEL])
        .takes_header(LABELS)
        .takes_header(REPR_DIGEST)
        .takes_header(upload::UNLESS_KEPT)
        .takes_bytes(CAPTURE);
    let download = Operation::new("download", "the capture as it came").takes_header(capture::RANGE_HEADER);
    vec![
        Resource::new("/v1/profiles")
            .on(Method::GET, profiles::list, list.gives_json::<profiles::ProfilesJson<'_>>(200))
            .on(
                Method::POST,
                upload::receive,
                receive.gives_json::<ReceivedJson<'_>>(201).gives_json::<ReceivedJson<'_>>(200),
            ),
        Resource::new("/v1/profiles/{id}")
            .on(
                Method::GET,
                profiles::show,
                Operation::new("show_profile", "one profile").gives_json::<ProfileJson<'_>>(200),
            )
            .on(
                Method::PUT,
                upload::put,
                put.gives_json::<ReceivedJson<'_>>(201).gives_json::<ReceivedJson<'_>>(200),
            )
            .on(
                Method::PATCH,
                profiles::change,
                Operation::new("change_profile", "merges labels into those that it has")
                    .takes_json::<profiles::Changes>()
                    .gives_json::<ProfileJson<'_>>(200),
            )
            .on(
                Method::DELETE,
                profiles::remove,
                Operation::new("delete_profile", "deletes it, and ends what goes on with it")
                    .gives_nothing(204),
            ),
        Resource::new("/v1/profiles/{id}/data").on(
            Method::GET,
            capture::download,
            download.gives_bytes(200, CAPTURE).gives_bytes(206, CAPTURE).gives_nothing(304),
        ),
        Resource::new("/v1/profiles/{id}/events").on(
            Method::GET,
            events::follow,
            Operation::new("follow_profile", "how it comes along, as server-sent events")
                .gives_bytes(200, "text/event-stream"),
        ),
    ]
}

fn questions() -> Vec<Resource> {
    vec![
        question::<Summary>(),
        question::<OverTime>(),
        question::<Groups>(),
        question::<Paths>(),
        question::<Flame>(),
        question::<Distribution>(),
        question::<Allocations>(),
        question::<Explain>(),
        question::<Maps>(),
        numbered::<Maps>(),
        question::<Backtraces>(),
        numbered::<Backtraces>(),
    ]
}

fn partial_uploads() -> Vec<Resource> {
    let begin = Operation::new("begin_upload", "begins an upload that comes in parts");
    let append = Operation::new("append_to_upload", "goes on where it stopped")
        .takes_header(uploads::OFFSET)
        .takes_header(uploads::COMPLETE)
        .takes_bytes(CAPTURE);
    vec![
        Resource::new("/v1/uploads").on(
            Method::POST,
            uploads::begin,
            begin.takes(uploads::TAKEN).takes_header(LABELS).gives_json::<UploadJson>(201),
        ),
        Resource::new("/v1/uploads/{upload}")
            .on(
                Method::GET,
                uploads::show,
                Operation::new("show_upload", "where an upload stopped").gives_json::<UploadJson>(200),
            )
            .on(
                Method::HEAD,
                uploads::show,
                Operation::new("head_upload", "where an upload stopped, as a header").gives_nothing(200),
            )
            .on(
                Method::PATCH,
                uploads::append,
                append
                    .gives_nothing(204)
                    .gives_json::<ReceivedJson<'_>>(201)
                    .gives_json::<ReceivedJson<'_>>(200),
            )
            .on(
                Method::DELETE,
                uploads::abandon,
                Operation::new("abandon_upload", "gives an upload up").gives_nothing(204),
            ),
    ]
}

fn running() -> Vec<Resource> {
    let list = Operation::new("list_jobs", "what waits or runs; what came last is first");
    let cancel = Operation::new("cancel_job", "ends a job");
    vec![
        Resource::new("/v1/jobs").on(Method::GET, jobs::list, list.gives_json::<JobsJson>(200)),
        Resource::new("/v1/jobs/{job}")
            .on(Method::GET, jobs::show, Operation::new("show_job", "one job").gives_json::<JobJson>(200))
            .on(Method::DELETE, jobs::cancel, cancel.gives_nothing(204)),
    ]
}

fn other() -> Vec<Resource> {
    let compare = Operation::new("compare", "what changed from a base to a new side")
        .takes_json::<comparisons::ComparisonRequest>()
        .gives_json::<Wrapped<ComparisonJson<'_>>>(200);
    let script = |name| {
        Operation::new(name, "runs a script")
            .takes(&[scripts::PROFILE])
            .takes_bytes(TEXT)
            .takes_json::<scripts::ScriptRequest>()
            .gives_json::<crate::script_json::ScriptJson>(200)
    };
    let artifact = Operation::new("show_artifact", "a picture that a script drew");
    let alive = Operation::new("healthz", "whether the process answers").gives_bytes(200, TEXT);
    let ready = Operation::new("readyz", "whether the data directory does, too").gives_bytes(200, TEXT);
    vec![
        Resource::new("/v1/comparisons").on(Method::POST, comparisons::compare, compare),
        Resource::new("/v1/scripts").on(Method::POST, scripts::run, script("run_script")),
        Resource::new("/script").on(Method::POST, scripts::run, script("script")),
        Resource::new("/v1/artifacts/{checksum}/{name:.*}").on(
            Method::GET,
            artifacts::show,
            artifact.gives_bytes(200, "image/svg+xml"),
        ),
        Resource::new("/v1/profiles/{id}/verify").on(
            Method::POST,
            store::verify,
            Operation::new("verify", "reads all of a profile, and says what is damaged")
                .gives_json::<Verified>(200),
        ),
        Resource::new("/v1/profiles/{id}/reindex").on(
            Method::POST,
            store::reindex,
            Operation::new("reindex", "begins to index it again").gives_json::<ProfileJson<'_>>(202),
        ),
        Resource::new("/v1/store").on(
            Method::GET,
            store::stat,
            Operation::new("stat", "what the data directory holds").gives_json::<Stat>(200),
        ),
        Resource::new("/v1/store/gc").on(
            Method::POST,
            store::collect_garbage,
            Operation::new("gc", "removes what is not needed any more").gives_json::<Freed>(200),
        ),
        Resource::new("/v1/observe").on(
            Method::GET,
            health::observe,
            Operation::new("observe", "what every actor has counted").gives_json::<Observations>(200),
        ),
        Resource::new("/v1/openapi.json").on(
            Method::GET,
            document::show,
            Operation::new("openapi", "this document").gives_json::<Value>(200),
        ),
        Resource::original("/healthz").on(Method::GET, health::alive, alive),
        Resource::original("/readyz").on(Method::GET, health::ready, ready),
        Resource::original("/metrics").on(
            Method::GET,
            metrics::show,
            Operation::new("metrics", "what Prometheus reads").gives_bytes(200, TEXT).fails_in_words(),
        ),
    ]
}
