//! What hooks put into a region comes out of it, once, whole and in time.

use core::alloc::Layout;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytehound_format::v2::Caller;
use bytehound_format::v2::batch::{Decoder, Event, Node, Stamped, State};
use bytehound_rings::{Commit, Drain, Extent, Pushed, Region, Round, Sink, Thread, Tick};

/// A region in memory that is never given back.
#[expect(unsafe_code, reason = "makes a region")]
fn region(len: usize) -> &'static Region {
    let layout = Layout::from_size_align(len, 4096).expect("a layout");
    // SAFETY: the layout is not empty.
    let start = unsafe { std::alloc::alloc_zeroed(layout) }.expose_provenance();
    // SAFETY: the memory is zeroed, aligned, ours, and never freed.
    unsafe { Region::create(start, len) }.expect("room for the head")
}

#[expect(unsafe_code, reason = "the tests' threads own their records")]
fn push(thread: &Thread, tick: u64, event: &Event) -> Pushed {
    // SAFETY: each record is pushed to by one thread of the tests.
    unsafe { thread.ring.push(|state, room| state.put(room, tick, event)) }
}

fn free(pointer: u64, stack: Node) -> Event {
    Event::Free { pointer, stack }
}

/// Keeps everything, and checks what it is told.
#[derive(Default)]
struct Kept {
    nodes: Vec<(Node, Caller, u64)>,
    events: Vec<(u32, Stamped)>,
    states: Vec<(u32, State)>,
    before: u64,
    rounds: Vec<Round>,
}

impl Sink for Kept {
    type Error = ();

    fn stacks(&mut self, first: Node, nodes: &mut dyn Iterator<Item = (Caller, u64)>) -> Result<(), ()> {
        let numbered =
            nodes.zip(first.0..).map(|((caller, address), number)| (Node(number), caller, address));
        self.nodes.extend(numbered);
        Ok(())
    }

    fn batch(&mut self, ring: u32, state: &State, bytes: [&[u8]; 2]) -> Result<(), ()> {
        let bytes = bytes.concat();
        let mut decoder = Decoder::new(&bytes, *state);
        for stamped in decoder.by_ref() {
            assert!(stamped.tick >= self.before, "an event of the time that was complete");
            if let Event::Free { stack, .. } = stamped.event {
                let known = |(node, ..): &(Node, Caller, u64)| *node == stack;
                assert!(stack == Node::NONE || self.nodes.iter().any(known), "a node that is not known");
            }
            self.events.push((ring, stamped));
        }
        assert!(decoder.rest().is_empty());
        self.states.retain(|(other, _)| *other != ring);
        self.states.push((ring, *decoder.state()));
        Ok(())
    }

    fn complete(&mut self, round: &Round) -> Result<(), ()> {
        self.before = self.before.max(round.before.0);
        self.rounds.push(*round);
        Ok(())
    }
}

#[test]
fn events_of_many_threads_arrive_and_none_before_what_was_said_to_be_complete() {
    let region = region(64 << 20);
    let start = Instant::now();
    let now = || 1 + start.elapsed().as_nanos() as u64 * 4;
    let ended = AtomicBool::new(false);
    let events = 200_000_u64;
    let mut kept = Kept::default();
    let mut drain = Drain::new(region);
    std::thread::scope(|scope| {
        let producers: Vec<_> = (0..3_u64)
            .map(|which| {
                scope.spawn(move || {
                    let thread = Thread::take(region).expect("room for a record");
                    for n in 0..events {
                        thread.begin();
                        let tick = now();
                        while push(thread, tick, &free(n * 8, Node::NONE)) == Pushed::Full {
                            thread.ask_for_room(Tick(tick));
                            std::thread::yield_now();
                        }
                        thread.got_room();
                        thread.end();
                    }
                    assert!(which < 3);
                })
            })
            .collect();
        let ended = &ended;
        scope.spawn(move || {
            producers.into_iter().for_each(|producer| producer.join().expect("producers do not fail"));
            ended.store(true, Ordering::Release);
        });
        let mut round = 0;
        loop {
            let last = ended.load(Ordering::Acquire);
            round += 1;
            let extent = if last { Extent::Last } else { [Extent::All, Extent::Full][round % 2] };
            drain.round(Tick(now()), extent, &mut kept).expect("the sink takes everything");
            drain.commit(Commit { len: 0, blocks: 0 });
            drain.offer_room(|_| {});
            if last {
                break;
            }
        }
    });
    for ring in 1..=3 {
        let own = kept.events.iter().filter(|(number, _)| *number == ring);
        assert!(own.map(|(_, stamped)| stamped.event).eq((0..events).map(|n| free(n * 8, Node::NONE))));
    }
    assert!(kept.rounds.last().is_some_and(|round| round.is_settled && round.lost == 0));
}

#[test]
fn nodes_come_before_the_events_that_refer_to_them() {
    let region = region(8 << 20);
    let thread = Thread::take(region).expect("room for a record");
    let mut drain = Drain::new(region);
    let mut kept = Kept::default();
    let mut outer = Node::NONE;
    for n in 0..100_u64 {
        if n.is_multiple_of(10) {
            let outermost = Caller::None { generation: 3 };
            outer = region.stacks().add_frame(region, outermost, 0x1000 + n / 10);
        }
        let inner = region.stacks().add_frame(region, Caller::Node(outer), 0x2000 + n);
        push(thread, n, &free(n, inner));
        drain.round(Tick(n), Extent::All, &mut kept).expect("the sink takes everything");
        drain.commit(Commit::default());
    }
    assert_eq!(kept.events.len(), 100);
    assert_eq!(kept.nodes.len(), 110);
    assert!(kept.nodes.iter().map(|(node, ..)| node.0).eq(2..112));
    assert_eq!(kept.nodes[0], (Node(2), Caller::None { generation: 3 }, 0x1000));
    assert_eq!(kept.nodes[1], (Node(3), Caller::Node(Node(2)), 0x2000));
}

#[test]
fn another_drain_goes_on_where_the_last_commit_ends() {
    let region = region(8 << 20);
    let thread = Thread::take(region).expect("room for a record");
    let mut next = 0..;
    let mut more = |count: usize| {
        for n in next.by_ref().take(count) {
            let outermost = Caller::None { generation: 0 };
            let stack = region.stacks().add_frame(region, outermost, 0x1000 + n);
            assert_ne!(push(thread, n * 1_000, &free(n << 20, stack)), Pushed::Full);
        }
    };
    let mut kept = Kept::default();
    let mut drain = Drain::new(region);
    more(10_000);
    drain.round(Tick(1), Extent::All, &mut kept).expect("the sink takes everything");
    drain.commit(Commit { len: 77, blocks: 5 });
    more(5_000);
    // This round never comes to be committed: its writer was killed.
    drain
        .round(Tick(2), Extent::All, &mut Kept { before: 0, nodes: kept.nodes.clone(), ..Kept::default() })
        .expect("the sink takes everything");
    more(10_000);
    let mut rescue = Drain::new(region);
    assert_eq!(rescue.committed(), Commit { len: 77, blocks: 5 });
    rescue.round(Tick(3), Extent::Last, &mut kept).expect("the sink takes everything");
    let pointers = kept.events.iter().map(|(_, stamped)| match stamped.event {
        Event::Free { pointer, .. } => pointer >> 20,
        _ => unreachable!("only frees were pushed"),
    });
    assert!(pointers.eq(0..25_000));
    assert_eq!(kept.rounds.last().map(|round| round.before), Some(Tick(u64::MAX)));
}

#[test]
fn a_round_of_full_rings_leaves_the_rest() {
    let region = region(8 << 20);
    let thread = Thread::take(region).expect("room for a record");
    let mut drain = Drain::new(region);
    let mut kept = Kept::default();
    push(thread, 1, &free(0, Node::NONE));
    drain.round(Tick(1), Extent::Full, &mut kept).expect("the sink takes everything");
    drain.commit(Commit::default());
    let after_the_first = kept.events.len();
    for n in 0..50_000 {
        assert_ne!(push(thread, n, &free(n * 8, Node::NONE)), Pushed::Full);
    }
    drain.round(Tick(2), Extent::Full, &mut kept).expect("the sink takes everything");
    drain.commit(Commit::default());
    assert!(kept.events.len() > after_the_first + 20_000 && kept.events.len() < 50_001);
    assert!(kept.rounds.is_empty() && drain.unmarked() > 64 * 1024);
    drain.round(Tick(3), Extent::All, &mut kept).expect("the sink takes everything");
    assert_eq!(kept.events.len(), 50_001);
    assert_eq!(drain.unmarked(), 0);
}

#[test]
fn lost_events_are_counted() {
    let region = region(8 << 20);
    let thread = Thread::take(region).expect("room for a record");
    thread.lose_event();
    region.lose_event();
    let mut kept = Kept::default();
    Drain::new(region).round(Tick(1), Extent::All, &mut kept).expect("the sink takes everything");
    assert_eq!(kept.rounds.last().map(|round| round.lost), Some(2));
}
