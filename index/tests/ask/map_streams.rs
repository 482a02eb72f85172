//! Maps of hand-written captures: what the golden ones don't show.

use std::borrow::Cow;

use bytehound_format::{Event, RegionSource, RegionTargetedSource, Timestamp};
use bytehound_index::layout::UsageRecord;
use bytehound_index::{
    BacktraceId, Bound, Cancel, Grid, MapCall, MapId, MapPredicate, MapSet, Pattern, Predicate, Profile,
    Selection,
};

use crate::capture::{Capture, EPOCH_US, START, block, id};
use crate::profiles::{Asked, begun, indexed};

const READ_WRITE: u32 = 3;
const PAGE: u64 = 4096;

fn at(offset: u64) -> Timestamp {
    Timestamp(START + offset)
}

/// Wall clock of an offset from the start.
fn us(offset: u64) -> u64 {
    EPOCH_US + START + offset
}

fn source(offset: u64, backtrace: u64) -> RegionSource {
    RegionSource { timestamp: at(offset), backtrace, thread: 9 }
}

fn call(capture: &mut Capture, offset: u64, map_id: u64, address: u64, pages: u64) {
    capture.event(&Event::MemoryMapEx {
        map_id,
        address,
        requested_address: 0,
        requested_length: pages * PAGE,
        mmap_protection: READ_WRITE,
        mmap_flags: 2,
        file_descriptor: u32::MAX,
        offset: 0,
        source: source(offset, 1),
    });
}

fn list(capture: &mut Capture, offset: u64, map_id: u64, address: u64, pages: u64) {
    capture.event(&Event::AddRegion {
        timestamp: at(offset),
        map_id,
        address,
        length: pages * PAGE,
        file_offset: 0,
        inode: 0,
        major: 0,
        minor: 0,
        flags: READ_WRITE,
        name: Cow::Borrowed("[anon:mmap]"),
    });
}

fn dirty(capture: &mut Capture, offset: u64, map_id: u64, address: u64, pages: u64, kib: u64) {
    capture.event(&Event::UpdateRegionUsage {
        timestamp: at(offset),
        map_id,
        address,
        length: pages * PAGE,
        anonymous: kib,
        shared_clean: 0,
        shared_dirty: 0,
        private_clean: 0,
        private_dirty: kib,
        swap: 0,
    });
}

fn miss(
    capture: &mut Capture,
    offset: u64,
    map_id: u64,
    address: u64,
    pages: u64,
    removals: &[(u64, u64, u64)],
) {
    let removal = |&(offset, address, pages): &(u64, u64, u64)| RegionTargetedSource {
        address,
        length: pages * PAGE,
        source: source(offset, 2),
    };
    capture.event(&Event::RemoveRegion {
        timestamp: at(offset),
        map_id,
        address,
        length: pages * PAGE,
        sources: removals.iter().map(removal).collect(),
    });
}

fn amounts(profile: &Profile, map: u32) -> Vec<(u64, u64, u64)> {
    let map = profile.map(MapId(map)).expect("a map");
    let amounts = |record: &UsageRecord| (record.time - us(0), record.address_space / PAGE, record.rss());
    map.usage().iter().map(amounts).collect()
}

#[test]
fn a_map_that_is_cut_in_two_ends_with_its_last_part() {
    let mut capture = begun();
    call(&mut capture, 10, 7, 0x10000, 4);
    list(&mut capture, 100, 7, 0x10000, 4);
    dirty(&mut capture, 100, 7, 0x10000, 4, 16);
    miss(&mut capture, 200, 7, 0x10000, 4, &[(150, 0x11000, 2)]);
    list(&mut capture, 200, 7, 0x10000, 1);
    list(&mut capture, 200, 7, 0x13000, 1);
    dirty(&mut capture, 200, 7, 0x10000, 1, 4);
    miss(&mut capture, 300, 7, 0x13000, 1, &[(250, 0x13000, 1)]);
    miss(&mut capture, 400, 7, 0x10000, 1, &[]);
    let Asked { profile, .. } = &indexed(&capture.finish());
    let map = profile.map(MapId(0)).expect("a map");
    assert_eq!((map.mapped_us, map.unmapped_us), (us(10), Some(us(400))));
    let made = MapCall { time_us: us(10), thread: 9, backtrace: Some(BacktraceId(1)) };
    assert_eq!((map.call, map.unmapped_by), (Some(made), None), "the last part went without a call");
    assert_eq!(map.regions().map(|region| region.added_us).collect::<Vec<_>>(), [us(10), us(200), us(200)]);
    assert_eq!(
        amounts(profile, 0),
        [(10, 4, 0), (100, 4, 16384), (200, 2, 4096), (300, 1, 4096), (400, 0, 0)]
    );
    assert_eq!(map.peak_rss, 16384);
}

#[test]
fn what_was_in_memory_within_a_microsecond_counts_and_what_is_told_later_is_not_earlier() {
    for (filled, unmapped) in [(100, 100), (100, 40)] {
        let mut capture = begun();
        list(&mut capture, 10, 7, 0x10000, 4);
        dirty(&mut capture, filled, 7, 0x10000, 4, 8);
        miss(&mut capture, unmapped, 7, 0x10000, 4, &[]);
        let Asked { profile, .. } = &indexed(&capture.finish());
        assert_eq!(profile.map(MapId(0)).map(|map| map.peak_rss), Some(8192));
        assert_eq!(amounts(profile, 0), [(10, 4, 0), (100, 0, 0)]);
    }
}

#[test]
fn what_cannot_be_is_left_out_and_said() {
    let mut capture = begun();
    call(&mut capture, 10, 7, 0x10000, 1);
    call(&mut capture, 11, 7, 0x20000, 1);
    call(&mut capture, 12, 8, 0x30000, 1 << 40);
    list(&mut capture, 20, 9, 0x40000, 1 << 40);
    list(&mut capture, 20, 7, 0x10000, 1);
    dirty(&mut capture, 21, 7, 0x10000, 1, u64::MAX);
    dirty(&mut capture, 21, 7, 0x10000, 2, 1);
    dirty(&mut capture, 21, 77, 0x10000, 1, 1);
    miss(&mut capture, 30, 7, 0x10000, 1, &[]);
    miss(&mut capture, 31, 7, 0x10000, 1, &[]);
    let Asked { profile, .. } = &indexed(&capture.finish());
    assert_eq!(profile.maps().len(), 1);
    assert_eq!(amounts(profile, 0), [(10, 1, 0), (30, 0, 0)]);
    assert_eq!(
        profile.manifest().defects,
        [
            "1 calls of mmap with the id of another one were left out",
            "3 events of mapped memory of an impossible size were left out",
            "3 changes of mapped memory that was never listed were left out",
        ]
    );
}

/// One block of 16 bytes at each time and place.
fn blocks(capture: &mut Capture, places: &[(u64, u64)]) {
    for (number, (offset, address)) in (1..).zip(places) {
        capture.alloc(id(number), START + offset, block(*address, 16, 0));
    }
}

fn inside(profile: &Profile, maps: MapSet) -> Vec<u32> {
    let selection = Selection::all().filtered(Predicate::FromMaps(maps));
    let rows = profile.rows(&selection, &Cancel::new()).expect("rows");
    rows.iter().map(|row| profile.allocation(row).id).collect()
}

#[test]
fn a_block_is_from_the_map_that_was_there_when_it_was_made() {
    let mut capture = begun();
    blocks(
        &mut capture,
        &[
            (5, 0x10000),
            (15, 0x10000),
            (120, 0x11000),
            (160, 0x11000),
            (160, 0x10ff8),
            (210, 0x12000),
            (290, 0x12000),
            (310, 0x12000),
            (310, 0x13000),
        ],
    );
    call(&mut capture, 10, 7, 0x10000, 3);
    list(&mut capture, 100, 7, 0x10000, 3);
    // The second page goes at 150, and something else is mapped there.
    call(&mut capture, 155, 8, 0x11000, 1);
    miss(&mut capture, 200, 7, 0x10000, 3, &[(150, 0x11000, 1)]);
    list(&mut capture, 200, 7, 0x10000, 1);
    list(&mut capture, 200, 7, 0x12000, 1);
    list(&mut capture, 200, 8, 0x11000, 1);
    miss(&mut capture, 300, 7, 0x12000, 1, &[]);
    let Asked { profile, .. } = &indexed(&capture.finish());
    assert_eq!(inside(profile, MapId(0).into()), [1, 2, 4, 5, 6]);
    assert_eq!(inside(profile, MapId(1).into()), [3, 4]);
    assert_eq!(inside(profile, profile.all_maps()), [1, 2, 3, 4, 5, 6]);
    assert_eq!(inside(profile, MapSet::from(vec![MapId(1), MapId(99)])), [3, 4]);
}

#[test]
fn one_look_at_all_maps_is_one_step_of_a_graph() {
    let mut capture = begun();
    list(&mut capture, 100, 1, 0x10000, 1);
    dirty(&mut capture, 100, 1, 0x10000, 1, 4);
    list(&mut capture, 100, 2, 0x20000, 2);
    miss(&mut capture, 200, 1, 0x10000, 1, &[]);
    dirty(&mut capture, 200, 2, 0x20000, 2, 8);
    let Asked { profile, .. } = &indexed(&capture.finish());
    let grid = Grid { start_us: us(0), end_us: us(1000), width_us: 100 };
    let sets = [profile.all_maps(), MapId(0).into()];
    let lines = profile.map_series(&sets, grid, &Cancel::new()).expect("lines");
    let peaks: Vec<_> = lines[0].points.iter().map(|point| (point.max.rss, point.end.rss)).collect();
    assert_eq!(peaks, [(4096, 4096), (8192, 8192)]);
    assert!(lines[1].points.is_empty(), "that map belongs to the first line");
    let late = Grid { start_us: us(150), ..grid };
    let late = profile.map_series(&sets, late, &Cancel::new()).expect("lines");
    assert_eq!((late[0].start.rss, late[0].start.address_space, late[0].points.len()), (4096, 3 * PAGE, 1));
}

#[test]
fn filters_of_maps_know_calls_and_times() {
    use Bound::{AtLeast, AtMost};
    let mut capture = begun();
    call(&mut capture, 10, 7, 0x10000, 1);
    list(&mut capture, 100, 7, 0x10000, 1);
    list(&mut capture, 100, 8, 0x20000, 1);
    miss(&mut capture, 200, 7, 0x10000, 1, &[(150, 0x10000, 1)]);
    dirty(&mut capture, 300, 8, 0x20000, 1, 4);
    let Asked { profile, .. } = &indexed(&capture.finish());
    let kept = |predicate: MapPredicate| -> Vec<u32> {
        let kept = profile.select_maps(&profile.all_maps(), &predicate, &Cancel::new());
        kept.expect("maps").iter().map(|map| map.0).collect()
    };
    let at = |backtrace| BacktraceId(backtrace).into();
    assert_eq!(kept(MapPredicate::Backtraces(at(1))), [0]);
    assert_eq!(kept(MapPredicate::NotBacktraces(at(1))), [1]);
    assert_eq!(kept(MapPredicate::UnmapBacktraces(at(2))), [0]);
    assert_eq!(kept(MapPredicate::NotUnmapBacktraces(at(2))), [1]);
    assert_eq!(kept(MapPredicate::BacktraceLength(AtLeast(0))), [0]);
    assert_eq!(kept(Pattern::new("parse").map(MapPredicate::PassingThroughFunction).expect("a regex")), [0]);
    assert_eq!(
        kept(Pattern::new("nothing").map(MapPredicate::NotPassingThroughFunction).expect("a regex")),
        [0]
    );
    assert_eq!(kept(MapPredicate::Mapped(AtMost(50))), [0]);
    assert_eq!(kept(MapPredicate::Unmapped(AtLeast(150))), [0]);
    assert_eq!(kept(MapPredicate::Unmapped(AtMost(199))), [0; 0]);
    assert_eq!(kept(MapPredicate::LeakedOrUnmappedAfter(200)), [1]);
    assert_eq!(kept(MapPredicate::AliveAt(vec![100, 199])), [0, 1]);
    assert_eq!(kept(MapPredicate::Lifetime(AtMost(190))), [0]);
    assert_eq!(kept(MapPredicate::Lifetime(AtLeast(200))), [1]);
    assert_eq!(kept(MapPredicate::PeakRss(AtLeast(4096))), [1]);
    assert_eq!(kept(MapPredicate::PeakRss(AtMost(0))), [0]);
}

#[test]
fn calls_of_mallopt_are_kept() {
    let mut capture = begun();
    let mallopt = |backtrace, param| Event::Mallopt {
        timestamp: at(5),
        backtrace,
        thread: 3,
        param,
        value: 65536,
        result: 1,
    };
    capture.event(&mallopt(2, -3)).event(&mallopt(99, -1));
    let Asked { profile, .. } = &indexed(&capture.finish());
    let calls: Vec<_> = profile.mallopts().map(|call| (call.param, call.call.backtrace)).collect();
    assert_eq!(calls, [(-3, Some(BacktraceId(2))), (-1, None)]);
    let first = profile.mallopts().next().expect("a call");
    assert_eq!((first.call.time_us, first.call.thread, first.value, first.result), (us(5), 3, 65536, 1));
}
