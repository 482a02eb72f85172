//! What operators watch: counters and durations, in the text format that Prometheus reads.

mod exposition;
mod histogram;
mod requests;

pub(crate) use requests::{Asked, Requests};

use crate::problem::Problem;
use crate::state::{Api, State};
use actix_web::HttpResponse;
use bytehound_actors::{Observations, StageCounters, Stored};
use exposition::Exposition;
use exposition::Kind::{Counter, Gauge};

/// The media type of the text format.
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /metrics`.
pub(crate) async fn show(api: Api) -> Result<HttpResponse, Problem> {
    let stored = api.service.stored().await?;
    let observed = api.service.observe().await;
    Ok(HttpResponse::Ok().content_type(MEDIA_TYPE).body(text(&api, &observed, &stored)))
}

fn text(api: &State, observed: &Observations, stored: &Stored) -> String {
    let mut page = Exposition::default();
    page.family("bytehound_build_info", Gauge, "Always 1; the label has the version.");
    page.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    actors(&mut page, observed);
    let counts = api.service.counts();
    page.family("bytehound_ingest_events_total", Counter, "Events read from captures.");
    page.sample(&[], counts.events);
    page.family("bytehound_cache_hits_total", Counter, "What was asked for and still at hand.");
    page.sample(&[("cache", "open_profiles")], counts.open_profiles.hits);
    page.sample(&[("cache", "answers")], counts.answers.hits);
    page.family("bytehound_cache_misses_total", Counter, "What was asked for and had to be made.");
    page.sample(&[("cache", "open_profiles")], counts.open_profiles.misses);
    page.sample(&[("cache", "answers")], counts.answers.misses);
    data_directory(&mut page, stored);
    scripts(&mut page, api);
    api.metrics.render(&mut page);
    page.into_text()
}

fn actors(page: &mut Exposition, observed: &Observations) {
    let actors = [
        ("receiver", observed.receiver),
        ("loader", observed.loader),
        ("symbolizer", observed.symbolizer),
        ("indexer", observed.indexer),
        ("query", observed.query),
        ("janitor", observed.janitor),
    ];
    page.family(
        "bytehound_actor_jobs",
        Gauge,
        "Jobs in the hands of an actor: its queue, and what it works on.",
    );
    for (actor, counters) in actors {
        page.sample(&[("actor", actor), ("state", "waiting")], counters.waiting);
        page.sample(&[("actor", actor), ("state", "running")], counters.running);
    }
    page.family(
        "bytehound_actor_jobs_total",
        Counter,
        "Jobs that an actor is through with, by how they ended.",
    );
    for (actor, counters) in actors {
        for (outcome, count) in outcomes(&counters) {
            page.sample(&[("actor", actor), ("outcome", outcome)], count);
        }
    }
}

/// Each job is in one of them.
fn outcomes(counters: &StageCounters) -> [(&'static str, u64); 4] {
    [
        ("done", counters.done),
        ("failed", counters.failed.saturating_sub(counters.panicked)),
        ("panicked", counters.panicked),
        ("refused", counters.refused),
    ]
}

fn data_directory(page: &mut Exposition, stored: &Stored) {
    page.family("bytehound_stored_bytes", Gauge, "What the data directory takes on the disk.");
    let usage = stored.usage;
    for (what, bytes) in [
        ("captures", usage.captures),
        ("segments", usage.segments),
        ("summaries", usage.summaries),
        ("symcaches", usage.symcaches),
        ("catalog", usage.catalog),
        ("scratch", usage.scratch),
    ] {
        page.sample(&[("what", what)], bytes);
    }
    page.family("bytehound_profiles", Gauge, "Profiles, by their state.");
    page.sample(&[("state", "ready")], stored.ready);
    page.sample(&[("state", "unfinished")], stored.unfinished);
    page.sample(&[("state", "failed")], stored.failed);
}

fn scripts(page: &mut Exposition, api: &State) {
    page.family("bytehound_scripts", Gauge, "Scripts, and filters that are scripts.");
    page.sample(&[("state", "running")], api.scripts.running() as u64);
    page.sample(&[("state", "waiting")], api.scripts.waiting() as u64);
    page.family("bytehound_scripts_refused_total", Counter, "Scripts turned away because too many waited.");
    page.sample(&[], api.scripts.refused() as u64);
}
