//! Allocations as the original showed them.

use super::frame_json::{FrameJson, frames};
use super::timeval::{Clock, Instant, Timeval};
use bytehound_index::{Allocation, BacktraceId, Profile, Row};
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OriginalAllocation")]
pub(crate) struct AllocationJson<'a> {
    id: u32,
    address: u64,
    address_s: String,
    #[serde(flatten)]
    at: Instant,
    thread: u32,
    size: u64,
    backtrace_id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    deallocation: Option<DeallocationJson<'a>>,
    /// The end of the chain, where that is another allocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_deallocation: Option<DeallocationJson<'a>>,
    backtrace: Vec<FrameJson<'a>>,
    is_mmaped: bool,
    is_jemalloc: bool,
    in_main_arena: bool,
    extra_space: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_lifetime: Option<Timeval>,
    position_in_chain: u32,
    chain_length: u32,
}

#[derive(Serialize, JsonSchema)]
struct DeallocationJson<'a> {
    timestamp: Timeval,
    thread: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    backtrace_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backtrace: Option<Vec<FrameJson<'a>>>,
}

impl<'a> AllocationJson<'a> {
    pub(super) fn of(profile: &'a Profile, row: Row, strips: bool) -> Self {
        let allocation = profile.allocation(row);
        let chain = allocation.chain;
        let first = profile.allocation(chain.first);
        let last = profile.allocation(chain.last);
        let end = DeallocationJson::of(profile, &last, strips).filter(|_| chain.last != row);
        let chain_us = last.death_us.map(|death| death.saturating_sub(first.birth_us));
        Self {
            id: allocation.id,
            address: allocation.address,
            address_s: format!("{:016X}", allocation.address),
            at: Clock::of(profile.manifest()).at(allocation.birth_us),
            thread: allocation.thread,
            size: allocation.size,
            backtrace_id: allocation.backtrace.0,
            deallocation: DeallocationJson::of(profile, &allocation, strips),
            chain_deallocation: end,
            backtrace: frames(profile.backtrace(allocation.backtrace), strips),
            is_mmaped: allocation.is_mmaped(),
            is_jemalloc: allocation.is_jemalloc(),
            in_main_arena: allocation.in_main_arena(),
            extra_space: allocation.extra,
            chain_lifetime: chain_us.map(Timeval::of_us),
            position_in_chain: chain.position,
            chain_length: chain.length,
        }
    }
}

impl<'a> DeallocationJson<'a> {
    fn of(profile: &'a Profile, allocation: &Allocation, strips: bool) -> Option<Self> {
        let stack = |id: BacktraceId| frames(profile.backtrace(id), strips);
        Some(Self {
            timestamp: Timeval::of_us(allocation.death_us?),
            thread: allocation.death_thread.unwrap_or_default(),
            backtrace_id: allocation.death_backtrace.map(|id| id.0),
            backtrace: allocation.death_backtrace.map(stack),
        })
    }
}
