use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;

use super::*;

const ID: AllocationId = AllocationId::UNTRACKED;
const LIFETIME_MS: u64 = 1;
const LIFETIME: u64 = 1000;

fn body(pointer: u64, size: u64, stack: u64, thread: u32) -> AllocBody {
    let flags = if size.is_multiple_of(3) { alloc_flags::CALLOC | 1 } else { alloc_flags::JEMALLOC };
    AllocBody {
        pointer,
        size,
        backtrace: stack,
        thread,
        flags,
        extra_usable_space: (size % 7) as u32,
        preceding_free_space: 0,
    }
}

fn alloc(time: u64, pointer: u64) -> Event<'static> {
    Event::AllocEx { id: ID, timestamp: Timestamp(time), allocation: body(pointer, 100, 5, 1) }
}

fn realloc(time: u64, old_pointer: u64, pointer: u64) -> Event<'static> {
    let allocation = body(pointer, 200, 6, 2);
    Event::ReallocEx { id: ID, timestamp: Timestamp(time), old_pointer, allocation }
}

fn free(time: u64, pointer: u64, thread: u32) -> Event<'static> {
    Event::FreeEx { id: ID, timestamp: Timestamp(time), pointer, backtrace: 0, thread }
}

/// A stage, and what has come out of it.
struct Bench {
    culling: Culling,
    told: Vec<Event<'static>>,
}

impl Bench {
    fn new(pending_max: Option<u64>) -> Self {
        Self { culling: Culling::new(LIFETIME_MS, pending_max, 0), told: Vec::new() }
    }

    fn with(&mut self, step: impl FnOnce(&mut Culling, &mut Out<'_>) -> Result<(), Infallible>) {
        let told = &mut self.told;
        let mut out: Box<Out<'_>> = Box::new(|event: &Event<'static>| {
            told.push(event.clone());
            Ok(())
        });
        let Ok(()) = step(&mut self.culling, &mut *out);
    }

    fn take(&mut self, events: &[Event<'static>]) {
        events.iter().for_each(|event| self.with(|culling, mut out| culling.take(event, &mut out)));
    }

    fn all(mut self) -> Vec<Event<'static>> {
        self.with(|culling, mut out| culling.give_all(&mut out));
        self.told
    }
}

type Out<'a> = dyn FnMut(&Event<'static>) -> Result<(), Infallible> + 'a;

fn statistics(events: &[Event<'static>]) -> Vec<(u64, u64, u64)> {
    let sums = events.iter().filter_map(|event| match event {
        Event::GroupStatistics { backtrace, free_count, free_size, .. } => {
            Some((*backtrace, *free_count, *free_size))
        }
        _ => None,
    });
    sums.collect()
}

#[test]
fn what_is_freed_early_is_a_sum_whichever_thread_frees_it() {
    let mut bench = Bench::new(None);
    bench.take(&[alloc(10, 0x100), alloc(20, 0x200), free(30, 0x100, 9), free(1019, 0x200, 1)]);
    let told = bench.all();
    assert_eq!(statistics(&told), [(5, 2, 204)]);
    assert_eq!(told.len(), 1);
}

#[test]
fn what_lives_as_long_as_the_threshold_is_told_with_its_end() {
    let mut bench = Bench::new(None);
    let events = [alloc(10, 0x100), free(1010, 0x100, 1)];
    bench.take(&events);
    assert_eq!(bench.all(), events);
}

#[test]
fn what_is_never_freed_is_told_however_young() {
    let mut bench = Bench::new(None);
    bench.take(&[alloc(10, 0x100)]);
    assert_eq!(bench.told, []);
    assert_eq!(bench.all(), [alloc(10, 0x100)]);
}

#[test]
fn what_has_become_old_is_told_when_time_passes() {
    let mut bench = Bench::new(None);
    bench.take(&[alloc(10, 0x100), alloc(11, 0x200)]);
    bench.with(|culling, mut out| culling.pass_time(1010, &mut out));
    assert_eq!(bench.told, [alloc(10, 0x100)]);
}

#[test]
fn reallocs_stay_with_the_block_that_they_change() {
    let mut bench = Bench::new(None);
    let kept = [alloc(10, 0x100), realloc(20, 0x100, 0x200), realloc(900, 0x200, 0x200)];
    bench.take(&kept);
    bench.take(&[alloc(21, 0x100), realloc(22, 0x100, 0x300), free(23, 0x300, 1)]);
    let end = free(1010, 0x200, 1);
    bench.take(std::slice::from_ref(&end));
    let told = bench.all();
    assert_eq!(told[..3], kept);
    assert_eq!(told[3], end);
    assert_eq!(statistics(&told), [(5, 1, 102), (6, 1, 204)]);
}

#[test]
fn beyond_the_pending_threshold_the_oldest_are_told() {
    let mut bench = Bench::new(Some(2));
    bench.take(&[alloc(1, 0x100), alloc(2, 0x200), realloc(3, 0x100, 0x400), alloc(4, 0x300)]);
    assert_eq!(bench.told, [alloc(1, 0x100), realloc(3, 0x100, 0x400)]);
}

#[test]
fn a_block_whose_end_nobody_told_ends_when_its_address_is_used_again() {
    let mut bench = Bench::new(None);
    bench.take(&[alloc(1, 0x100), alloc(2, 0x100)]);
    let told = bench.all();
    assert_eq!(told[..1], [alloc(2, 0x100)]);
    assert_eq!(statistics(&told), [(5, 1, 102)]);
}

#[test]
fn blocks_whose_time_the_program_sets_stay() {
    let mut bench = Bench::new(None);
    bench.take(&[alloc(1, 0x100)]);
    bench.with(|culling, mut out| culling.pass(&free(2, 0x100, 1), &mut out));
    bench.with(|culling, mut out| culling.pass(&alloc(7, 0x200), &mut out));
    assert_eq!(bench.all(), [alloc(1, 0x100), free(2, 0x100, 1), alloc(7, 0x200)]);
}

#[test]
fn what_does_not_fit_the_table_is_told_at_once() {
    let mut bench = Bench::new(None);
    let mut large = body(0x100, 1 << 60, 5, 1);
    large.flags = 0;
    let large = Event::AllocEx { id: ID, timestamp: Timestamp(1), allocation: large };
    bench.take(std::slice::from_ref(&large));
    assert_eq!(bench.told, [large]);
}

#[test]
fn sums_are_told_ever_more_rarely() {
    let mut bench = Bench::new(None);
    for second in 0..10_000 {
        let time = second * 1_000_000;
        bench.take(&[alloc(time, 0x100), free(time + 1, 0x100, 1)]);
        bench.with(|culling, mut out| culling.pass_time(time + 2, &mut out));
    }
    assert!((50..100).contains(&bench.told.len()), "{} times", bench.told.len());
    let told = bench.all();
    assert_eq!(statistics(&told).iter().map(|(_, count, _)| count).sum::<u64>(), 10_000);
}

/// What is known of a block in the end.
#[derive(Default)]
struct Life {
    /// Its events, and the marker at each.
    events: Vec<(Event<'static>, u32)>,
    born: u64,
    end: Option<u64>,
    /// It is older than the sequence.
    is_unknown: bool,
}

impl Life {
    fn stays(&self) -> bool {
        self.is_unknown || self.end.is_none_or(|end| end - self.born >= LIFETIME)
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A sequence of events, and the blocks in it.
fn lives(random: &mut Random, bench: &mut Bench) -> Vec<Life> {
    let mut lives: Vec<Life> = Vec::new();
    let mut live: HashMap<u64, usize> = HashMap::new();
    let (mut time, mut marker) = (0, 0);
    for _ in 0..1 + random.below(4000) {
        time += random.below(12);
        let (pointer, thread) = (0x1000 + 16 * random.below(300), random.below(4) as u32);
        let new = 0x1000 + 16 * random.below(300);
        let allocation = body(new, random.below(5000), 2 + random.below(20), thread);
        let timestamp = Timestamp(time);
        let known = live.get(&pointer).copied();
        let is_free = |at: u64| at == pointer || !live.contains_key(&at);
        let event = match (random.below(10), known) {
            (0, _) => {
                marker = random.below(3) as u32;
                bench.take(&[Event::Marker { value: marker }]);
                continue;
            }
            (1, _) => {
                bench.with(|culling, mut out| culling.pass_time(time, &mut out));
                continue;
            }
            (2..=4, Some(_)) => free(time, pointer, thread),
            (5..=6, Some(_)) if is_free(new) => {
                Event::ReallocEx { id: ID, timestamp, old_pointer: pointer, allocation }
            }
            (7, None) => free(time, pointer, thread),
            (_, None) => {
                let allocation = AllocBody { pointer, ..allocation };
                Event::AllocEx { id: ID, timestamp, allocation }
            }
            _ => continue,
        };
        bench.take(std::slice::from_ref(&event));
        let at = known.unwrap_or(lives.len());
        if known.is_none() {
            let is_unknown = matches!(event, Event::FreeEx { .. });
            lives.push(Life { born: time, is_unknown, ..Life::default() });
        }
        live.remove(&pointer);
        match &event {
            Event::FreeEx { .. } => lives[at].end = Some(time),
            Event::ReallocEx { .. } => drop(live.insert(new, at)),
            _ => drop(live.insert(pointer, at)),
        }
        lives[at].events.push((event, marker));
    }
    lives
}

/// Per stack: count, bytes, least, most, first, last.
type Sums = BTreeMap<u64, (u64, u64, u64, u64, u64, u64)>;

fn add(sums: &mut Sums, stack: u64, new: (u64, u64, u64, u64, u64, u64)) {
    let sum = sums.entry(stack).or_insert((0, 0, u64::MAX, 0, u64::MAX, 0));
    let (count, bytes, least, most, first, last) = new;
    *sum =
        (sum.0 + count, sum.1 + bytes, sum.2.min(least), sum.3.max(most), sum.4.min(first), sum.5.max(last));
}

fn expected_sums(lives: &[Life]) -> Sums {
    let mut sums = Sums::new();
    for (event, _) in lives.iter().filter(|life| !life.stays()).flat_map(|life| &life.events) {
        let (Event::AllocEx { timestamp, allocation, .. } | Event::ReallocEx { timestamp, allocation, .. }) =
            event
        else {
            continue;
        };
        let usable = allocation.size + u64::from(allocation.extra_usable_space);
        add(&mut sums, allocation.backtrace, (1, usable, usable, usable, timestamp.0, timestamp.0));
    }
    sums
}

#[test]
fn survivors_and_sums_are_those_that_hindsight_gives() {
    for seed in 1..60 {
        let mut bench = Bench::new(None);
        let lives = lives(&mut Random(seed * 0x9E37_79B9), &mut bench);
        let (mut told, mut sums, mut marker) = (Vec::new(), Sums::new(), 0);
        for event in bench.all() {
            match event {
                Event::Marker { value } => marker = value,
                Event::GroupStatistics {
                    backtrace,
                    first_allocation,
                    last_allocation,
                    free_count,
                    free_size,
                    min_size,
                    max_size,
                } => add(
                    &mut sums,
                    backtrace,
                    (free_count, free_size, min_size, max_size, first_allocation.0, last_allocation.0),
                ),
                event => told.push((event, marker)),
            }
        }
        assert_eq!(sums, expected_sums(&lives), "seed {seed}");
        for life in &lives {
            let first = told.iter().position(|event| life.events.first() == Some(event));
            if !life.stays() {
                assert_eq!(first, None, "seed {seed}");
                continue;
            }
            // In the order in which they went in, with the markers that they went in with.
            let mut rest = told.iter();
            assert!(life.events.iter().all(|event| rest.any(|told| told == event)), "seed {seed}");
        }
        let stay: usize = lives.iter().filter(|life| life.stays()).map(|life| life.events.len()).sum();
        assert_eq!(told.len(), stay, "seed {seed}");
    }
}
