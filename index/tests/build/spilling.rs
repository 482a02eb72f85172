//! More live blocks than memory is meant for.

use bytehound_index::build::LiveBudget;

use crate::built::Built;
use crate::capture::START;
use crate::model::{BACKTRACES, Happening, Timed, capture_of};

/// Blocks by id and by pointer, of which some thousands live at a time; most of them end, in another order than they began.
fn happenings() -> Vec<Timed> {
    let mixed = |step: u64| step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let happening = |step: u64| {
        let (number, size, backtrace) = (step / 2 + 1, step % 999, step % BACKTRACES + 1);
        let earlier = mixed(step) % number + 1;
        // A third of all blocks goes by pointer.
        let id = |number: u64| if number.is_multiple_of(3) { 0 } else { number };
        let pointer = |number: u64| number << 5;
        match mixed(step) % 8 {
            0..4 => Happening::Alloc { id: id(number), pointer: pointer(number), size, backtrace },
            4..6 => Happening::Free { id: id(earlier), pointer: pointer(earlier) },
            _ => {
                let (old_pointer, pointer) = (pointer(earlier), pointer(earlier));
                Happening::Realloc { id: id(earlier), old_pointer, pointer, size, backtrace }
            }
        }
    };
    (0..24_000).map(|step| (START + step / 7, happening(step))).collect()
}

#[test]
fn live_blocks_that_memory_has_no_room_for_change_nothing_in_the_index() {
    let capture = capture_of(&happenings());
    let built =
        |blocks: u64| Built::within(LiveBudget::of_bytes(64 * blocks), &capture).expect("room on the disk");
    let in_memory = built(1 << 20);
    assert!(in_memory.manifest.leaked_count > 5_000, "{:?}", in_memory.manifest);
    assert!(in_memory.chains().len() > 1_000);
    // Some in memory; none.
    for blocks in [1_000, 0] {
        let spilled = built(blocks);
        assert_eq!(spilled.manifest, in_memory.manifest);
        assert_eq!(spilled.rows(), in_memory.rows());
        assert_eq!(spilled.chains(), in_memory.chains());
        assert_eq!(spilled.summaries, in_memory.summaries);
        assert_eq!(spilled.buckets, in_memory.buckets);
        assert_eq!(spilled.cells, in_memory.cells);
    }
}
