//! Hand-written captures: what each kind of event, and each kind of damage, does to the index.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytehound_format::{
    Addresses, AllocationId, Container, DataId, EndCause, Event, FramesInvalidated, HeaderBody, Reader,
    RegionSource, Timestamp, convert,
};
use bytehound_index::build::{Observer, Phase, Progress, ingest};
use bytehound_index::layout::{NEVER, NONE, flags};
use bytehound_index::{IndexError, Manifest};
use bytehound_store::{FailureCause, ProfileState};

use crate::built::{Built, stored, stored_with_labels};
use crate::capture::{Capture, EPOCH_US, START, block, header, id};

const BY_POINTER: AllocationId = AllocationId::UNTRACKED;

fn capture(fill: impl FnOnce(&mut Capture)) -> Vec<u8> {
    let mut capture = Capture::new();
    capture.backtrace(1, &[0x11, 0x21]).backtrace(2, &[0x12, 0x21]);
    fill(&mut capture);
    capture.finish()
}

fn built(fill: impl FnOnce(&mut Capture)) -> Built {
    Built::of(&capture(fill))
}

fn defects(built: &Built) -> String {
    built.manifest.defects.join("; ")
}

#[test]
fn the_header_becomes_the_manifest() {
    let built = built(|capture| {
        capture.alloc(id(1), START + 500, block(0x100, 10, 1));
    });
    let manifest = &built.manifest;
    assert_eq!(manifest.data_id, "00000000000000010000000000000002");
    assert_eq!(manifest.executable, "/bin/program");
    assert_eq!(manifest.cmdline, ["/bin/program", "an argument", ""]);
    assert_eq!((manifest.architecture.as_str(), manifest.pointer_size, manifest.pid), ("x86_64", 8, 42));
    assert_eq!((manifest.start_us, manifest.end_us), (EPOCH_US + START, EPOCH_US + START + 500));
    assert_eq!(
        (manifest.events, manifest.allocations, manifest.backtraces, manifest.max_depth),
        (4, 1, 2, 2)
    );
    assert!(manifest.defects.is_empty());
}

#[test]
fn a_capture_without_allocations_is_a_profile() {
    let built = Built::of(&Capture::new().finish());
    assert_eq!((built.manifest.allocations, built.manifest.backtraces), (0, 0));
    assert_eq!(built.manifest.runtime_us(), 0);
    assert!(built.buckets.is_empty() && built.cells.is_empty() && built.rows().is_empty());
}

#[test]
fn a_realloc_ends_one_row_and_begins_the_next_of_its_chain() {
    let built = built(|capture| {
        capture
            .alloc(id(1), 1_010, block(0x100, 10, 1))
            .alloc(id(2), 1_015, block(0x900, 5, 1))
            .realloc(id(1), 1_020, 0x100, block(0x200, 100, 2))
            .realloc(id(1), 1_030, 0x200, block(0x200, 50, 1))
            .free(id(1), 1_040, 0x200);
    });
    let rows = built.rows();
    let lives: Vec<_> =
        rows.iter().map(|row| (row.birth - EPOCH_US, row.death.wrapping_sub(EPOCH_US), row.size)).collect();
    let never = NEVER.wrapping_sub(EPOCH_US);
    assert_eq!(lives, [(1_010, 1_020, 10), (1_015, never, 5), (1_020, 1_030, 100), (1_030, 1_040, 50)]);
    assert_eq!(built.chains(), [[0, 2, 3]]);
    assert_eq!(rows[0].flags & flags::REALLOCATED, flags::REALLOCATED);
    assert_eq!((rows[0].death_backtrace, rows[2].death_backtrace, rows[3].death_backtrace), (1, 0, NONE));
    assert_eq!((built.manifest.peak_bytes, built.manifest.peak_at_us), (105, EPOCH_US + 1_020));
    assert_eq!(built.summaries[1].peak_bytes, 100);
    assert_eq!(built.summaries[0].peak_bytes, 5);
    assert!(built.manifest.defects.is_empty());
}

#[test]
fn a_realloc_in_place_is_never_more_than_the_larger_block() {
    let built = built(|capture| {
        capture.alloc(id(1), 1_010, block(0x100, 100, 1)).realloc(id(1), 1_010, 0x100, block(0x100, 90, 1));
    });
    assert_eq!(built.manifest.peak_bytes, 100);
    assert_eq!(built.buckets[0].live_bytes_max, 100);
    assert_eq!(built.buckets[0].live_count_max, 1);
    assert_eq!(built.buckets[0].reallocated_count, 1);
    assert_eq!(built.summaries[0].own_peak_usable, 108);
}

#[test]
fn a_second_allocation_with_a_live_id_is_left_out() {
    let built = built(|capture| {
        capture.alloc(id(1), 1_010, block(0x100, 10, 1)).alloc(id(1), 1_020, block(0x200, 20, 1));
    });
    assert_eq!(built.rows().len(), 1);
    assert!(defects(&built).contains("1 allocations with the id of a live block"), "{}", defects(&built));
}

#[test]
fn an_allocation_at_a_live_address_ends_the_block_there() {
    let built = built(|capture| {
        capture.alloc(BY_POINTER, 1_010, block(0x100, 10, 1)).alloc(BY_POINTER, 1_020, block(0x100, 20, 2));
    });
    let rows = built.rows();
    assert_eq!((rows[0].death, rows[0].death_backtrace), (EPOCH_US + 1_020, NONE));
    assert_eq!(rows[1].death, NEVER);
    assert_eq!(built.manifest.peak_bytes, 20);
    assert!(defects(&built).contains("1 allocations at the address of a live block"), "{}", defects(&built));
}

#[test]
fn a_free_of_an_unknown_block_is_left_out() {
    let built = built(|capture| {
        capture
            .alloc(id(1), 1_010, block(0x100, 10, 1))
            .free(id(2), 1_020, 0x100)
            .free(BY_POINTER, 1_020, 0x100);
    });
    assert_eq!(built.manifest.leaked_count, 1);
    assert!(defects(&built).contains("2 frees of blocks that were never seen"), "{}", defects(&built));
}

#[test]
fn a_realloc_of_a_block_older_than_the_capture_is_an_allocation_when_known_by_pointer() {
    let by_pointer = built(|capture| {
        capture.realloc(BY_POINTER, 1_010, 0x100, block(0x200, 10, 1)).free(BY_POINTER, 1_020, 0x200);
    });
    assert_eq!((by_pointer.manifest.allocations, by_pointer.manifest.leaked_count), (1, 0));
    assert!(
        defects(&by_pointer)
            .contains("1 reallocs of blocks that were never seen allocated count as allocations")
    );

    let by_id = built(|capture| {
        capture.realloc(id(1), 1_010, 0x100, block(0x200, 10, 1));
    });
    assert_eq!(by_id.manifest.allocations, 0);
    assert!(defects(&by_id).contains("never seen allocated were left out"), "{}", defects(&by_id));
}

#[test]
fn events_of_the_oldest_captures_are_known_by_pointer() {
    let built = built(|capture| {
        let (t1, t2, t3) = (Timestamp(1_010), Timestamp(1_020), Timestamp(1_030));
        capture.event(&Event::Alloc { timestamp: t1, allocation: block(0x100, 10, 1) });
        capture.event(&Event::Realloc { timestamp: t2, old_pointer: 0x100, allocation: block(0x200, 20, 1) });
        capture.event(&Event::Free { timestamp: t3, pointer: 0x200, backtrace: 2, thread: 9 });
    });
    assert_eq!(built.chains(), [[0, 1]]);
    let rows = built.rows();
    assert_eq!((rows[1].death, rows[1].death_backtrace), (EPOCH_US + 1_030, 1));
}

#[test]
fn batches_of_threads_are_put_in_order_of_time() {
    let built = built(|capture| {
        capture
            .alloc(id(1), 1_050, block(0x100, 10, 1))
            .free(id(1), 1_060, 0x100)
            .alloc(id(2), 1_010, block(0x200, 20, 2))
            .free(id(2), 1_055, 0x200);
    });
    let rows = built.rows();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [1, 0]);
    assert_eq!((built.manifest.peak_bytes, built.manifest.peak_at_us), (30, EPOCH_US + 1_050));
}

#[test]
fn no_block_dies_before_it_is_born() {
    let built = built(|capture| {
        capture.alloc(id(1), 1_050, block(0x100, 10, 1)).free(id(1), 1_010, 0x100);
    });
    assert_eq!(built.rows()[0].death, EPOCH_US + 1_050);
    assert!(defects(&built).contains("stamped before the birth"), "{}", defects(&built));
}

#[test]
fn an_impossible_size_is_left_out() {
    let built = built(|capture| {
        capture.alloc(id(1), 1_010, block(0x100, u64::MAX, 1)).alloc(id(2), 1_020, block(0x200, 10, 1));
    });
    assert_eq!(built.manifest.allocated_bytes, 10);
    assert!(defects(&built).contains("1 allocations of an impossible size"), "{}", defects(&built));
}

#[test]
fn culled_allocations_count_for_their_backtrace_and_the_capture_s_end() {
    let built = built(|capture| {
        capture.alloc(id(1), 1_500, block(0x100, 10, 1)).event(&Event::GroupStatistics {
            backtrace: 1,
            first_allocation: Timestamp(1_100),
            last_allocation: Timestamp(9_000),
            free_count: 5,
            free_size: 500,
            min_size: 2,
            max_size: 300,
        });
    });
    let summary = &built.summaries[0];
    assert_eq!(
        (summary.rows, summary.allocated_count, summary.freed_count, summary.leaked_count),
        (1, 6, 5, 1)
    );
    assert_eq!((summary.usable_bytes, summary.min_usable, summary.max_usable), (518, 2, 300));
    assert_eq!((summary.allocated_bytes, summary.freed_bytes), (10, 0));
    assert_eq!((summary.first_us, summary.last_us), (EPOCH_US + 1_100, EPOCH_US + 9_000));
    assert_eq!((summary.first_row_us, summary.last_row_us), (EPOCH_US + 1_500, EPOCH_US + 1_500));
    assert_eq!(built.manifest.end_us, EPOCH_US + 9_000);
    assert_eq!((built.manifest.allocations, built.manifest.allocated_bytes), (1, 10));
    assert!(built.frames(0).iter().all(|frame| frame.count == 6));
}

#[test]
fn mappings_count_for_the_end_and_mallopt_does_not() {
    let built = built(|capture| {
        let source = RegionSource { timestamp: Timestamp(5_000), backtrace: 1, thread: 7 };
        capture.event(&Event::MemoryMapEx {
            map_id: 1,
            address: 0,
            requested_address: 0,
            requested_length: 0,
            mmap_protection: 0,
            mmap_flags: 0,
            file_descriptor: 0,
            offset: 0,
            source,
        });
        let timestamp = Timestamp(9_000);
        capture.event(&Event::Mallopt { timestamp, backtrace: 1, thread: 7, param: 0, value: 0, result: 0 });
    });
    assert_eq!(built.manifest.end_us, EPOCH_US + 5_000);
}

#[test]
fn a_wall_clock_event_moves_what_follows() {
    let built = built(|capture| {
        capture.alloc(id(1), 1_010, block(0x100, 10, 1));
        capture.event(&Event::WallClock { timestamp: Timestamp(0), sec: EPOCH_US / 1_000_000 + 10, nsec: 0 });
        capture.alloc(id(2), 1_020, block(0x200, 10, 1));
    });
    let births: Vec<u64> = built.rows().iter().map(|row| row.birth - EPOCH_US).collect();
    assert_eq!(births, [1_010, 10_001_020]);
}

#[test]
fn a_clock_that_is_set_after_the_first_event_leaves_the_beginning_where_it_was() {
    let built = built(|capture| {
        // As early as can be.
        capture.alloc(id(1), START, block(0x100, 10, 1));
        capture.event(&Event::WallClock { timestamp: Timestamp(0), sec: EPOCH_US / 1_000_000 - 10, nsec: 0 });
    });
    assert_eq!(built.manifest.start_us, EPOCH_US + START);
    assert_eq!(built.manifest.end_us, EPOCH_US + START);
}

#[test]
fn markers_hold_from_where_they_stand() {
    let built = built(|capture| {
        capture.alloc(id(1), 1_010, block(0x100, 10, 1)).event(&Event::Marker { value: 3 });
        capture.alloc(id(2), 1_005, block(0x200, 10, 1));
    });
    let markers: Vec<_> = built.rows().iter().map(|row| (row.id, row.marker)).collect();
    assert_eq!(markers, [(1, 3), (0, 0)]);
}

#[test]
fn labels_of_the_capture_join_those_of_the_upload() {
    let bytes = capture(|capture| {
        capture.file("bytehound/labels", b"commit=abc\nno label\nbranch=a=b\n");
    });
    let (store, profile) = stored_with_labels(&bytes, &[("commit", "def"), ("host", "ci")]);
    let manifest = ingest(&store, &profile, &()).expect("a good capture");
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(manifest.labels, [pair("commit", "abc"), pair("branch", "a=b")]);
    let record = store.catalog().get(&profile).expect("a catalogue").expect("a record");
    let joined: Vec<_> = record.labels.into_iter().collect();
    assert_eq!(joined, [pair("branch", "a=b"), pair("commit", "def"), pair("host", "ci")]);
}

#[test]
fn warnings_about_settings_are_passed_on() {
    let built = built(|capture| {
        capture.file("bytehound/warnings", b"`MEMORY_PROFILER_OUPUT` is no setting");
    });
    assert_eq!(built.manifest.defects, ["when it was captured: `MEMORY_PROFILER_OUPUT` is no setting"]);
}

#[test]
fn what_version_2_tells_of_the_capture_itself_becomes_labels_and_defects() {
    let old = capture(|capture| {
        capture.event(&Event::Label { key: "commit".into(), value: "abc".into() });
        capture.event(&Event::Warning { message: "`MEMORY_PROFILER_OUPUT` is no setting".into() });
        capture.event(&Event::Dropped { events: 3 });
        let cause = EndCause::Failed { error: 28 };
        capture.event(&Event::End { timestamp: Timestamp(START + 9), cause });
    });
    let mut reader = Reader::new(&old[..]).expect("a capture");
    let new = convert(&mut reader, Container::V2, Vec::new(), |_| {}).expect("room in memory");
    for bytes in [old, new] {
        let Manifest { labels, defects, .. } = Built::of(&bytes).manifest;
        assert_eq!(labels, [("commit".to_owned(), "abc".to_owned())]);
        let expected = [
            "when it was captured: `MEMORY_PROFILER_OUPUT` is no setting",
            "recording failed before the program ended (system error 28)",
            "3 events were lost while the program ran: there was no room for them",
        ];
        assert_eq!(defects, expected);
    }
}

#[test]
fn a_damaged_block_of_version_2_leaves_the_rest_of_the_index() {
    let old = capture(|capture| {
        (0..100_000).for_each(|number| {
            capture.alloc(BY_POINTER, START + number, block(0x1000 + number * 16, 10, 1 + number % 2));
        });
    });
    let mut reader = Reader::new(&old[..]).expect("a capture");
    let mut new = convert(&mut reader, Container::V2, Vec::new(), |_| {}).expect("room in memory");
    let middle = new.len() / 2;
    new[middle] ^= 0x40;
    let built = Built::of(&new);
    assert!(built.manifest.allocations < 100_000);
    assert!(defects(&built).contains("1 blocks are missing"), "{}", defects(&built));
}

#[test]
fn equal_stacks_are_one_backtrace_and_addresses_are_of_the_call() {
    let built = built(|capture| {
        capture.backtrace(3, &[0x11, 0x21]);
        capture.alloc(id(1), 1_010, block(0x100, 10, 1)).alloc(id(2), 1_020, block(0x200, 20, 3));
    });
    assert_eq!(built.manifest.backtraces, 2);
    assert_eq!(built.summaries[0].allocated_bytes, 30);
    let addresses: Vec<u64> = built.frames(0).iter().map(|frame| frame.address).collect();
    assert_eq!(addresses, [0x20, 0x10], "outermost first, the return address less one");
}

#[test]
fn an_id_that_is_defined_again_means_the_new_stack_from_there_on() {
    let built = built(|capture| {
        capture.alloc(id(1), 1_010, block(0x100, 10, 1)).backtrace(1, &[0x99]);
        capture.alloc(id(2), 1_020, block(0x200, 20, 1));
    });
    assert_eq!(built.rows().iter().map(|row| row.backtrace).collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn partial_backtraces_build_on_the_last_one_of_their_thread() {
    let built = built(|capture| {
        let some = FramesInvalidated::Some(1);
        for (id, thread, frames_invalidated, addresses) in [
            (3, 7, FramesInvalidated::All, &[0x31, 0x41, 0x51][..]),
            (4, 8, FramesInvalidated::All, &[0x61]),
            (5, 7, some, &[0x71, 0x81]),
            (6, 7, some, &[]),
        ] {
            let addresses = Addresses::Words(addresses);
            capture.event(&Event::PartialBacktrace { id, thread, frames_invalidated, addresses });
        }
    });
    let stack = |backtrace| built.frames(backtrace).iter().map(|frame| frame.address + 1).collect::<Vec<_>>();
    assert_eq!(stack(4), [0x51, 0x41, 0x81, 0x71]);
    assert_eq!(stack(5), [0x51, 0x41, 0x81]);
}

#[test]
fn an_allocation_of_an_unknown_stack_has_no_frames_and_is_counted() {
    let built = built(|capture| {
        capture.alloc(id(1), 1_010, block(0x100, 10, 77));
    });
    let row = &built.rows()[0];
    assert!(built.frames(row.backtrace).is_empty());
    assert!(defects(&built).contains("1 stack traces are referred to but missing"), "{}", defects(&built));
}

#[test]
fn a_stack_told_after_its_first_use_is_found() {
    let built = built(|capture| {
        capture.alloc(id(1), 1_010, block(0x100, 10, 77)).backtrace(77, &[0x99]);
    });
    assert_eq!(built.frames(built.rows()[0].backtrace)[0].address, 0x98);
    assert!(built.manifest.defects.is_empty());
}

#[test]
fn only_the_hook_is_left_of_the_capture_library_s_frames() {
    let maps = "1000-2000 r-xp 00000000 08:01 5 /usr/lib/libbytehound.so\n3000-4000 r-xp 00000000 08:01 6 /bin/program\n";
    let built = built(|capture| {
        capture
            .file("/proc/self/maps", maps.as_bytes())
            .backtrace(3, &[0x1101, 0x1201, 0x1301, 0x3101, 0x1401]);
    });
    let frames = built.frames(2);
    assert_eq!(frames.iter().map(|frame| frame.address).collect::<Vec<_>>(), [0x1400, 0x3100, 0x1300]);
    assert_eq!(built.string(frames[1].library).as_deref(), Some("program"));
}

#[test]
fn addresses_are_placed_by_maps_that_come_later() {
    let built = built(|capture| {
        capture.backtrace(3, &[0x3101]);
        capture.file("/proc/self/maps", b"3000-4000 r-xp 00000000 08:01 6 /bin/program\n");
        capture.backtrace(4, &[0x3101]);
    });
    assert_eq!(built.manifest.backtraces, 3, "the same stack before and after");
    assert_eq!(built.string(built.frames(2)[0].library).as_deref(), Some("program"));
}

#[test]
fn addresses_are_placed_by_every_map_that_comes_later() {
    let built = built(|capture| {
        capture.backtrace(3, &[0x3101]);
        capture.file("/proc/self/maps", b"3000-4000 r-xp 00000000 08:01 6 /lib/plugin.so\n");
        capture.file("/proc/self/maps", b"5000-6000 r-xp 00000000 08:01 7 /bin/program\n");
    });
    assert_eq!(built.string(built.frames(2)[0].library).as_deref(), Some("plugin.so"));
}

#[test]
fn the_same_stack_has_the_same_keys_wherever_it_was_mapped() {
    let run = |base: u64| {
        built(|capture| {
            let maps = format!("{:x}-{:x} r-xp 00000000 08:01 6 /bin/program\n", base, base + 0x1000);
            capture.file("/proc/self/maps", maps.as_bytes()).backtrace(3, &[base + 0x101, base + 0x201]);
        })
    };
    let (here, there) = (run(0x3000), run(0x5550_0000));
    assert_eq!(here.keys()[2], there.keys()[2]);
    assert_ne!(here.frames(2)[0].address, there.frames(2)[0].address);
    assert_ne!(here.keys()[2], here.keys()[1]);
}

#[test]
fn decoded_captures_bring_their_frames() {
    let mut capture = Capture::new();
    capture
        .string(0, "program")
        .string(1, "_ZN4main17h0123456789abcdefE")
        .string(2, "main")
        .string(3, "/src/main.rs");
    let frame = |address, source, line, is_inline| Event::DecodedFrame {
        address,
        library: 0,
        raw_function: 1,
        function: 2,
        source,
        line,
        column: NONE,
        is_inline,
    };
    capture
        .event(&frame(0x10, 3, 5, false))
        .event(&frame(0x20, NONE, NONE, true))
        .decoded_backtrace(&[1, 0, 9]);
    capture.alloc(id(1), 1_010, block(0x100, 10, 0)).free(id(1), 1_020, 0x100);
    let built = Built::of(&capture.finish());
    let frames = built.frames(0);
    assert_eq!(
        frames.iter().map(|frame| (frame.address, frame.line)).collect::<Vec<_>>(),
        [(0x10, 5), (0x20, NONE)]
    );
    assert_eq!(built.string(frames[0].source).as_deref(), Some("/src/main.rs"));
    assert_eq!((frames[1].source, frames[1].is_inline), (NONE, 1));
    assert_eq!(built.rows()[0].death_backtrace, 0, "in a decoded capture 0 is a stack");
    assert!(defects(&built).contains("1 frames or strings"), "{}", defects(&built));
}

#[test]
fn a_header_of_another_process_is_noticed() {
    let built = built(|capture| {
        capture.event(&Event::Header(header()));
        capture.event(&Event::Header(HeaderBody { id: DataId { a: 1, b: 3 }, ..header() }));
    });
    assert!(defects(&built).contains("1 later headers name another process"), "{}", defects(&built));
}

#[test]
fn a_damaged_binary_costs_names_alone() {
    let built = built(|capture| {
        capture.file("/bin/program", b"\x7fELF and then nothing that makes sense");
        capture.alloc(id(1), 1_010, block(0x100, 10, 1));
    });
    assert_eq!(built.manifest.allocations, 1);
    assert!(defects(&built).contains("`/bin/program` gives no names"), "{}", defects(&built));
}

#[test]
fn a_cut_capture_gives_what_it_holds_and_says_so() {
    let whole = capture(|capture| {
        for n in 1..50 {
            capture.flush().alloc(id(n), 1_000 + n, block(n * 0x100, n, 1 + n % 2));
        }
    });
    let cut = Built::of(&whole[..whole.len() - 10]);
    assert_eq!(cut.manifest.allocations, 48);
    assert!(defects(&cut).contains("the file ends inside"), "{}", defects(&cut));
}

#[test]
fn a_file_that_is_no_capture_fails_alone_with_its_reason() {
    let (store, profile) = stored(b"This is no capture at all, and it is long enough to be one.");
    let error = ingest(&store, &profile, &()).expect_err("this is no capture");
    assert!(matches!(error, IndexError::Open(_)), "{error}");
    let state = store.catalog().get(&profile).expect("a catalogue").expect("a record").state;
    assert_eq!(state, ProfileState::Failed { reason: error.to_string(), cause: FailureCause::Error });
}

#[test]
fn indexing_again_replaces_the_build() {
    let built = built(|capture| {
        capture.alloc(id(1), 1_010, block(0x100, 10, 1));
    });
    let again = ingest(&built.store, &built.profile, &()).expect("what worked once");
    assert_eq!(again, built.manifest);
}

#[derive(Default)]
struct Recorder {
    seen: Mutex<Vec<Progress>>,
    cancel_after: Option<usize>,
    asked: AtomicUsize,
}

impl Observer for Recorder {
    fn progress(&self, progress: Progress) {
        self.seen.lock().expect("nobody panics with it").push(progress);
    }

    fn is_cancelled(&self) -> bool {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        self.cancel_after.is_some_and(|limit| asked >= limit)
    }
}

#[test]
fn progress_goes_through_all_phases_to_their_ends() {
    let (store, profile) = stored(&capture(|capture| {
        capture.alloc(id(1), 1_010, block(0x100, 10, 1));
    }));
    let recorder = Recorder::default();
    ingest(&store, &profile, &recorder).expect("a good capture");
    let seen = recorder.seen.lock().expect("nobody panics with it");
    assert!(seen.windows(2).all(|pair| (pair[0].phase, pair[0].bytes) <= (pair[1].phase, pair[1].bytes)));
    for phase in [Phase::Load, Phase::Symbolize, Phase::Index] {
        let last = seen.iter().rfind(|progress| progress.phase == phase).expect("every phase reports");
        assert_eq!(last.bytes, last.bytes_total, "{phase:?}");
        assert_eq!(last.events, 4, "{phase:?}");
    }
}

#[test]
fn a_cancelled_build_leaves_nothing_behind_wherever_it_is_cancelled() {
    let bytes = capture(|capture| {
        capture.alloc(id(1), 1_010, block(0x100, 10, 1));
    });
    for limit in 0.. {
        let (store, profile) = stored(&bytes);
        let recorder = Recorder { cancel_after: Some(limit), ..Recorder::default() };
        match ingest(&store, &profile, &recorder) {
            Ok(_) => return assert!(limit > 5, "cancelling was possible at few places"),
            Err(error) => assert!(matches!(error, IndexError::Cancelled), "{error}"),
        }
        let state = store.catalog().get(&profile).expect("a catalogue").expect("a record").state;
        assert_eq!(state, ProfileState::Indexing { answering: None }, "to be built again");
        for place in ["segments", "summaries", "tmp"] {
            let left = std::fs::read_dir(store.directory().join(place)).expect("a directory of the store");
            assert_eq!(left.count(), 0, "left in {place}");
        }
    }
}
