//! `GET /list`

use super::Answer;
use super::timeval::Timeval;
use crate::profile_json::ready_manifest;
use crate::state::Api;
use actix_web::HttpResponse;
use bytehound_index::Manifest;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashSet;

#[derive(Serialize, JsonSchema)]
pub(crate) struct DataJson<'a> {
    id: &'a str,
    executable: &'a str,
    cmdline: String,
    architecture: &'a str,
    final_allocated: u64,
    final_allocated_count: u64,
    runtime: Timeval,
    unique_backtrace_count: u32,
    maximum_backtrace_depth: u32,
    timestamp: Timeval,
}

/// All data that answers, the newest first. Of profiles that share a data id the newest is meant by it, so only that
/// one is here.
pub(crate) async fn list(api: Api) -> Answer {
    let profiles = api.service.profiles()?;
    let mut seen = HashSet::new();
    let data: Vec<DataJson<'_>> = profiles
        .iter()
        .filter_map(ready_manifest)
        .filter(|manifest| seen.insert(&manifest.data_id))
        .map(DataJson::of)
        .collect();
    Ok(HttpResponse::Ok().json(data))
}

impl<'a> DataJson<'a> {
    fn of(manifest: &'a Manifest) -> Self {
        Self {
            id: &manifest.data_id,
            executable: &manifest.executable,
            cmdline: command_line(&manifest.cmdline),
            architecture: &manifest.architecture,
            final_allocated: manifest.leaked_bytes,
            final_allocated_count: manifest.leaked_count,
            runtime: Timeval::of_us(manifest.runtime_us()),
            unique_backtrace_count: manifest.backtraces,
            maximum_backtrace_depth: manifest.max_depth,
            timestamp: Timeval::of_us(manifest.start_us),
        }
    }
}

/// Arguments with a space in them are quoted, so that a reader sees where each ends.
fn command_line(arguments: &[String]) -> String {
    let quoted = arguments.iter().map(|argument| match argument.contains(' ') {
        true => format!("\"{argument}\""),
        false => argument.clone(),
    });
    quoted.collect::<Vec<_>>().join(" ")
}
