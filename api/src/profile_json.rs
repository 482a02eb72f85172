//! A profile as `/v1` shows it.

use bytehound_actors::ProfileStatus;
use bytehound_index::Manifest;
use bytehound_index::build::{Phase, Progress};
use bytehound_store::{FailureCause, ProfileRecord, ProfileState};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize, JsonSchema)]
pub(crate) struct ProfileJson<'a> {
    id: &'a str,
    data_id: Option<&'a str>,
    name: &'a str,
    state: &'static str,
    problem: Option<&'a str>,
    problem_cause: Option<FailureCause>,
    damage: Option<&'a str>,
    progress: Option<ProgressJson>,
    /// The upload that it shows as far as that has come.
    live: Option<&'a str>,
    labels: BTreeMap<&'a str, &'a str>,
    size_bytes: u64,
    created_at_ms: u64,
    info: Option<InfoJson<'a>>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct ProgressJson {
    phase: &'static str,
    bytes: u64,
    bytes_total: u64,
    events: u64,
}

/// What a ready profile says of itself. Times are µs since 1970, but for the runtime.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InfoJson<'a> {
    executable: &'a str,
    cmdline: &'a [String],
    architecture: &'a str,
    pid: u32,
    start_us: u64,
    end_us: u64,
    runtime_us: u64,
    allocations: u64,
    leaked_count: u64,
    leaked_bytes: u64,
    allocated_bytes: u64,
    peak_bytes: u64,
    peak_at_us: u64,
    backtraces: u32,
    max_depth: u32,
    /// How many frames of a stack were captured at most.
    frames_max: Option<u32>,
    defects: &'a [String],
}

impl<'a> ProfileJson<'a> {
    pub(crate) fn of(status: &'a ProfileStatus) -> Self {
        let record = &status.record;
        let problem = match &record.state {
            ProfileState::Failed { reason, .. } => Some(reason.as_str()),
            _ => None,
        };
        Self {
            id: record.id.as_str(),
            data_id: record.data_id.as_deref(),
            name: &record.name,
            state: state_of(status),
            problem,
            problem_cause: record.state.failure(),
            damage: record.damage.as_deref(),
            progress: status.progress.as_ref().filter(|_| !is_over(&record.state)).map(ProgressJson::of),
            live: status.live.as_deref(),
            labels: labels(status),
            size_bytes: record.size_bytes,
            created_at_ms: record.created_at_ms,
            info: ready_manifest(status).map(InfoJson::of),
        }
    }
}

/// The labels that the capture carries in itself, and those that were given with it, which win.
pub(crate) fn labels(status: &ProfileStatus) -> BTreeMap<&str, &str> {
    let own = status.manifest.iter().flat_map(|manifest| &manifest.labels);
    let given = &status.record.labels;
    let own = own.map(|(key, value)| (key.as_str(), value.as_str()));
    own.chain(given.iter().map(|(key, value)| (key.as_str(), value.as_str()))).collect()
}

/// Whether nothing more will happen to a profile by itself.
pub(crate) fn is_over(state: &ProfileState) -> bool {
    matches!(state, ProfileState::Ready { .. } | ProfileState::Failed { .. })
}

/// The manifest of a profile that answers.
pub(crate) fn ready_manifest(status: &ProfileStatus) -> Option<&Manifest> {
    status.manifest.as_deref().filter(|_| status.record.state.answering().is_some())
}

/// All states that there are.
pub(crate) const STATES: [&str; 6] = ["stored", "loading", "symbolizing", "indexing", "ready", "failed"];

/// The state of a profile right now.
pub(crate) fn state_of(status: &ProfileStatus) -> &'static str {
    state(&status.record.state, status.progress.as_ref())
}

/// The state of a profile that nobody works on right now.
pub(crate) fn resting_state(record: &ProfileRecord) -> &'static str {
    state(&record.state, None)
}

fn state(state: &ProfileState, progress: Option<&Progress>) -> &'static str {
    match (state, progress) {
        (ProfileState::Stored, _) => "stored",
        // One that is indexed again answers meanwhile.
        (ProfileState::Ready { .. } | ProfileState::Indexing { answering: Some(_) }, _) => "ready",
        (ProfileState::Indexing { answering: None }, Some(progress)) => phase(progress.phase),
        (ProfileState::Indexing { answering: None }, None) => phase(Phase::Load),
        (ProfileState::Failed { .. }, _) => "failed",
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Load => "loading",
        Phase::Symbolize => "symbolizing",
        Phase::Index => "indexing",
    }
}

impl ProgressJson {
    pub(crate) fn of(progress: &Progress) -> Self {
        Self {
            phase: phase(progress.phase),
            bytes: progress.bytes,
            bytes_total: progress.bytes_total,
            events: progress.events,
        }
    }
}

impl<'a> InfoJson<'a> {
    pub(crate) fn of(manifest: &'a Manifest) -> Self {
        Self {
            executable: &manifest.executable,
            cmdline: &manifest.cmdline,
            architecture: &manifest.architecture,
            pid: manifest.pid,
            start_us: manifest.start_us,
            end_us: manifest.end_us,
            runtime_us: manifest.runtime_us(),
            allocations: manifest.allocations,
            leaked_count: manifest.leaked_count,
            leaked_bytes: manifest.leaked_bytes,
            allocated_bytes: manifest.allocated_bytes,
            peak_bytes: manifest.peak_bytes,
            peak_at_us: manifest.peak_at_us,
            backtraces: manifest.backtraces,
            max_depth: manifest.max_depth,
            frames_max: manifest.frames_max,
            defects: &manifest.defects,
        }
    }
}
