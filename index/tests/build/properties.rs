//! Random streams: what is built is what the model says.

use bytehound_index::build::LiveBudget;
use bytehound_index::layout::{NEVER, NONE, Zone, section};
use proptest::prelude::*;

use crate::built::Built;
use crate::capture::START;
use crate::model::{BACKTRACES, Happening, Model, Timed, capture_of};

/// Few ids and pointers, so that they meet: duplicates, unknown frees, missed frees, chains.
fn happening() -> impl Strategy<Value = Happening> {
    let id = prop_oneof![2 => Just(0_u64), 3 => 1_u64..12];
    let (pointer, backtrace) = (1_u64..8, 1..=BACKTRACES);
    let size = prop_oneof![Just(0_u64), 1_u64..5_000, Just(1 << 40)];
    (0..10, id, pointer.clone(), pointer, size, backtrace).prop_map(
        |(kind, id, old, new, size, backtrace)| {
            let (old_pointer, pointer) = (old * 0x100, new * 0x100);
            match kind {
                0..5 => Happening::Alloc { id, pointer, size, backtrace },
                5..7 => Happening::Realloc { id, old_pointer, pointer, size, backtrace },
                _ => Happening::Free { id, pointer },
            }
        },
    )
}

/// Times mostly ascend, with ties; now and then one goes back, as when threads write in batches.
fn happenings() -> impl Strategy<Value = Vec<Timed>> {
    let step = prop_oneof![3 => Just(0_i64), 6 => 1_i64..3_000, 1 => -2_000_i64..0];
    prop::collection::vec((step, happening()), 0..120).prop_map(|steps| {
        let mut time = START as i64;
        let timed = steps.into_iter().map(|(step, happening)| {
            time = (time + step).max(START as i64);
            (time as u64, happening)
        });
        timed.collect()
    })
}

/// Live blocks may all lie in memory, or some, or none.
fn budget() -> impl Strategy<Value = LiveBudget> {
    prop_oneof![
        Just(LiveBudget::default()),
        (1_u64..12).prop_map(|blocks| LiveBudget::of_bytes(64 * blocks)),
        Just(LiveBudget::of_bytes(0)),
    ]
}

proptest! {
    // Every case writes a store to the disk.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_index_is_what_a_naive_reader_finds(happenings in happenings(), budget in budget()) {
        let model = Model::of(&happenings);
        let built = Built::within(budget, &capture_of(&happenings)).expect("a capture that can be indexed");
        check_rows(&model, &built);
        prop_assert_eq!(built.chains(), model.chains());
        let summaries: Vec<_> = (0..BACKTRACES as u32).map(|backtrace| model.summary(backtrace)).collect();
        prop_assert_eq!(&built.summaries, &summaries);
        prop_assert_eq!(built.manifest.bucket_width_us, model.bucket_width());
        prop_assert_eq!(&built.buckets, &model.buckets());
        prop_assert_eq!(&built.cells, &model.cells());
        prop_assert_eq!((built.manifest.peak_bytes, built.manifest.peak_at_us), model.peak());
        prop_assert_eq!(&built.manifest.defects, &model.defects());
        check_sums(&built);
    }
}

fn check_rows(model: &Model, built: &Built) {
    let (order, rows) = (model.order(), built.rows());
    assert_eq!(rows.len(), order.len());
    for (row, id) in rows.iter().zip(order) {
        let expected = &model.rows[id];
        assert_eq!(row.id, id as u32);
        assert_eq!((row.birth, row.death), (expected.birth, expected.death));
        assert_eq!((row.size, row.extra, row.address), (expected.size, 8, expected.address));
        assert_eq!((row.backtrace, row.flags), (expected.backtrace, expected.flags));
        assert_eq!(
            (row.thread, row.marker, row.death_backtrace == NONE),
            (7, 0, !was_reallocated(row.flags))
        );
    }
    check_zone(built);
}

/// A realloc has a stack; the frees of these captures have none.
fn was_reallocated(flags: u8) -> bool {
    flags != 0
}

fn check_zone(built: &Built) {
    let (rows, zones) = (built.rows(), built.records::<Zone>(section::ZONES));
    assert_eq!(zones.len(), usize::from(!rows.is_empty()));
    for zone in zones {
        assert_eq!(zone.birth[0], rows.iter().map(|row| row.birth).min().unwrap_or(0));
        assert_eq!(zone.death[1], rows.iter().map(|row| row.death).max().unwrap_or(0));
        assert_eq!(zone.size[1], rows.iter().map(|row| row.size).max().unwrap_or(0));
        assert_eq!(zone.address[0], rows.iter().map(|row| row.address).min().unwrap_or(0));
        assert_eq!(zone.leaked, rows.iter().filter(|row| row.death == NEVER).count() as u64);
    }
}

/// Σ of the parts is the whole, whichever way the whole is cut.
fn check_sums(built: &Built) {
    let (manifest, summaries, buckets) = (&built.manifest, &built.summaries, &built.buckets);
    assert_eq!(summaries.iter().map(|s| s.rows).sum::<u64>(), manifest.allocations);
    assert_eq!(summaries.iter().map(|s| s.peak_bytes).sum::<u64>(), manifest.peak_bytes);
    assert_eq!(buckets.iter().map(|b| b.allocated_bytes).sum::<u64>(), manifest.allocated_bytes);
    assert_eq!(buckets.iter().map(|b| b.freed_bytes).sum::<u64>(), manifest.freed_bytes);
    assert_eq!(built.cells.iter().map(|(_, c)| c.allocated_bytes).sum::<u64>(), manifest.allocated_bytes);
    assert_eq!(
        built.cells.iter().map(|(_, c)| c.freed_count).sum::<u64>(),
        manifest.allocations - manifest.leaked_count
    );
    assert_eq!(buckets.last().map_or(0, |b| b.live_bytes_end), manifest.leaked_bytes);
    assert_eq!(buckets.iter().map(|b| b.live_bytes_max).max().unwrap_or(0), manifest.peak_bytes);
}
