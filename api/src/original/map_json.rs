//! Mapped memory as the original showed it.

use super::frame_json::{FrameJson, frames};
use super::timeval::{Clock, Instant, Timeval};
use bytehound_index::layout::UsageRecord;
use bytehound_index::{Access, Map, MapCall, Profile, Region};
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OriginalMap")]
pub(crate) struct MapJson<'a> {
    id: u32,
    address: u64,
    address_s: String,
    #[serde(flatten)]
    at: Instant,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<CallJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deallocation: Option<UnmapJson<'a>>,
    #[serde(flatten)]
    access: AccessJson,
    name: &'a str,
    peak_rss: u64,
    graph_preview_url: Option<String>,
    graph_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    regions: Option<Vec<RegionJson<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_history: Option<Vec<UsageJson>>,
}

#[derive(Serialize, JsonSchema)]
struct UnmapJson<'a> {
    timestamp: Timeval,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<CallJson<'a>>,
}

/// A call of `mmap`, `munmap` or `mallopt`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CallJson<'a> {
    #[serde(flatten)]
    at: Instant,
    thread: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    backtrace_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backtrace: Option<Vec<FrameJson<'a>>>,
}

#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the kernel has these four")]
struct AccessJson {
    is_readable: bool,
    is_writable: bool,
    is_executable: bool,
    is_shared: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OriginalRegion")]
struct RegionJson<'a> {
    address: u64,
    address_s: String,
    #[serde(flatten)]
    at: Instant,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    deallocation: Option<RemovedJson<'a>>,
    #[serde(flatten)]
    access: AccessJson,
    file_offset: u64,
    inode: u64,
    major: u32,
    minor: u32,
    name: &'a str,
}

#[derive(Serialize, JsonSchema)]
struct RemovedJson<'a> {
    timestamp: Timeval,
    sources: Vec<RemovalJson<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct RemovalJson<'a> {
    address: u64,
    length: u64,
    source: CallJson<'a>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OriginalUsage")]
struct UsageJson {
    #[serde(flatten)]
    at: Instant,
    address_space: u64,
    anonymous: u64,
    shared_clean: u64,
    shared_dirty: u64,
    private_clean: u64,
    private_dirty: u64,
    swap: u64,
    rss: u64,
}

/// How much of each map is shown, and how.
pub(super) struct MapView {
    pub(super) with_regions: bool,
    pub(super) with_usage: bool,
    pub(super) strips_template_arguments: bool,
}

impl MapView {
    /// One map; its graphs are at the two addresses, the preview first.
    pub(super) fn map<'a>(
        &self,
        profile: &'a Profile,
        map: &Map<'a>,
        graphs: [Option<String>; 2],
    ) -> MapJson<'a> {
        let clock = Clock::of(profile.manifest());
        let call = |call| self.call(profile, call);
        let [graph_preview_url, graph_url] = graphs;
        MapJson {
            id: map.id.0,
            address: map.address,
            address_s: format!("{:016X}", map.address),
            at: clock.at(map.mapped_us),
            size: map.size,
            source: map.call.map(call),
            deallocation: map
                .unmapped_us
                .map(|at| UnmapJson { timestamp: Timeval::of_us(at), source: map.unmapped_by.map(call) }),
            access: map.access.into(),
            name: map.name,
            peak_rss: map.peak_rss,
            graph_preview_url,
            graph_url,
            regions: self
                .with_regions
                .then(|| map.regions().map(|region| self.region(profile, &region)).collect()),
            usage_history: self
                .with_usage
                .then(|| map.usage().iter().map(|usage| UsageJson::of(usage, clock)).collect()),
        }
    }

    /// One call.
    pub(super) fn call<'a>(&self, profile: &'a Profile, call: MapCall) -> CallJson<'a> {
        let stack = |id| frames(profile.backtrace(id), self.strips_template_arguments);
        CallJson {
            at: Clock::of(profile.manifest()).at(call.time_us),
            thread: call.thread,
            backtrace_id: call.backtrace.map(|id| id.0),
            backtrace: call.backtrace.map(stack),
        }
    }

    fn region<'a>(&self, profile: &'a Profile, region: &Region<'a>) -> RegionJson<'a> {
        let clock = Clock::of(profile.manifest());
        let sources = || {
            let removal = |removal: bytehound_index::Removal| RemovalJson {
                address: removal.address,
                length: removal.size,
                source: self.call(profile, removal.call),
            };
            region.removals().map(removal).collect()
        };
        RegionJson {
            address: region.address,
            address_s: format!("{:016X}", region.address),
            at: clock.at(region.added_us),
            size: region.size,
            deallocation: region
                .removed_us
                .map(|at| RemovedJson { timestamp: Timeval::of_us(at), sources: sources() }),
            access: region.access.into(),
            file_offset: region.file_offset,
            inode: region.inode,
            major: region.major,
            minor: region.minor,
            name: region.name,
        }
    }
}

impl From<Access> for AccessJson {
    fn from(access: Access) -> Self {
        Self {
            is_readable: access.readable,
            is_writable: access.writable,
            is_executable: access.executable,
            is_shared: access.shared,
        }
    }
}

impl UsageJson {
    fn of(usage: &UsageRecord, clock: Clock) -> Self {
        Self {
            at: clock.at(usage.time),
            address_space: usage.address_space,
            anonymous: usage.anonymous,
            shared_clean: usage.shared_clean,
            shared_dirty: usage.shared_dirty,
            private_clean: usage.private_clean,
            private_dirty: usage.private_dirty,
            swap: usage.swap,
            rss: usage.rss(),
        }
    }
}
