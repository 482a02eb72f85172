//! The event codec of version 2: what goes in comes out, wherever it is cut, and no bytes make it panic.

use bytehound_format::v2::batch::{
    Birth, Decoder, EVENT_LEN_MAX, Event, Flags, Node, ROOM_LEN, Stamped, State,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Numbers of all magnitudes.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64_u32).prop_map(|(bits, shift)| bits >> shift)
}

/// Addresses close together, far apart, and at odd places.
fn address() -> impl Strategy<Value = u64> {
    let heap = (0..1_u64 << 20).prop_map(|place| 0x5555_5555_0000 + 16 * place);
    let mapped = (0..1_u64 << 40).prop_map(|place| 0x7f00_0000_0000 | place & !15);
    prop_oneof![heap, mapped, number()]
}

fn node() -> impl Strategy<Value = Node> {
    prop_oneof![(0..8_u32).prop_map(Node), any::<u32>().prop_map(Node)]
}

fn birth() -> impl Strategy<Value = Birth> {
    let usable = prop_oneof![Just(None), number().prop_map(Some)];
    (address(), number(), usable, node(), prop_oneof![Just(1), any::<u8>()]).prop_map(
        |(pointer, size, usable, stack, flags)| {
            let usable = usable.unwrap_or((size.wrapping_add(23) & !15).wrapping_sub(8).max(24));
            Birth { pointer, size, usable, stack, flags: Flags(flags) }
        },
    )
}

/// Events of one thread; a move is told in two.
fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let one = prop_oneof![
        4 => (birth(), any::<bool>()).prop_map(|(birth, zeroed)| vec![Event::Alloc { birth, zeroed }]),
        4 => (address(), node()).prop_map(|(pointer, stack)| vec![Event::Free { pointer, stack }]),
        1 => birth().prop_map(|birth| vec![Event::Realloc { old: birth.pointer, birth }]),
        1 => (address(), birth()).prop_filter("a move", |(old, birth)| *old != birth.pointer).prop_map(
            |(pointer, birth)| vec![Event::Leave { pointer }, Event::Realloc { old: pointer, birth }]
        ),
        1 => any::<u32>().prop_map(|value| vec![Event::Marker { value }]),
        1 => number().prop_map(|microseconds| vec![Event::OverrideTime { microseconds }]),
        1 => any::<u32>().prop_map(|id| vec![Event::Thread { id }]),
    ];
    let passed = prop_oneof![0..1_000_u64, number()];
    vec((passed, one), 0..50).prop_map(|steps| {
        let mut tick = 1 << 50;
        let stamped = steps.into_iter().flat_map(|(passed, events)| {
            tick = u64::wrapping_add(tick, passed);
            events.into_iter().map(move |event| (tick, event))
        });
        stamped.collect()
    })
}

/// The bytes of events, the end of each, and the state there.
fn encoded(events: &[(u64, Event)]) -> (Vec<u8>, Vec<(usize, State)>) {
    let mut state = State::default();
    let (mut bytes, mut ends) = (Vec::new(), vec![(0, state)]);
    for (tick, event) in events {
        let mut room = [0xcc; ROOM_LEN];
        let len = state.put(&mut room, *tick, event);
        assert!(len <= EVENT_LEN_MAX);
        bytes.extend_from_slice(&room[..len]);
        ends.push((bytes.len(), state));
    }
    (bytes, ends)
}

fn expected(events: &[(u64, Event)]) -> Vec<Stamped> {
    let mut thread = 0;
    let stamp = |&(tick, event): &(u64, Event)| {
        if let Event::Thread { id } = event {
            thread = id;
        }
        Stamped { tick, thread, event }
    };
    events.iter().map(stamp).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn events_are_read_as_they_were_written(events in events()) {
        let (bytes, ends) = encoded(&events);
        let mut decoder = Decoder::new(&bytes, State::default());
        let read: Vec<Stamped> = decoder.by_ref().collect();
        prop_assert_eq!(read, expected(&events));
        prop_assert!(decoder.rest().is_empty());
        prop_assert_eq!(decoder.state(), &ends.last().unwrap().1);
    }

    #[test]
    fn the_part_behind_any_cut_is_read_with_the_state_there(events in events(), at in any::<prop::sample::Index>()) {
        let (bytes, ends) = encoded(&events);
        let cut = at.index(ends.len());
        let (place, state) = ends[cut];
        let state = State::from_bytes(&state.to_bytes());
        let read: Vec<Stamped> = Decoder::new(&bytes[place..], state).collect();
        prop_assert_eq!(&read[..], &expected(&events)[cut..]);
    }

    #[test]
    fn an_event_that_is_cut_off_is_not_read(events in events(), at in any::<prop::sample::Index>()) {
        let (bytes, ends) = encoded(&events);
        let len = at.index(bytes.len() + 1);
        let mut decoder = Decoder::new(&bytes[..len], State::default());
        let whole = ends.iter().filter(|(end, _)| *end <= len).count() - 1;
        prop_assert_eq!(decoder.by_ref().count(), whole);
        prop_assert_eq!(decoder.rest().len(), len - ends[whole].0);
        prop_assert_eq!(decoder.state(), &ends[whole].1);
    }

    #[test]
    fn any_bytes_are_read_to_some_end(bytes in vec(any::<u8>(), 0..2_000), state in any::<[u8; State::LEN]>()) {
        let mut decoder = Decoder::new(&bytes, State::from_bytes(&state));
        let events = decoder.by_ref().count();
        prop_assert!(events <= bytes.len() / 3);
        prop_assert!(bytes.ends_with(decoder.rest()));
    }
}

#[test]
fn what_repeats_takes_few_bytes() {
    let mut state = State::default();
    let mut room = [0; ROOM_LEN];
    let mut lens = Vec::new();
    for step in 0..4 {
        let tick = 1_000 + 300 * step;
        let birth =
            Birth { pointer: 0x5555_5555_0010, size: 100, usable: 104, stack: Node(70_000), flags: Flags(1) };
        let alloc = state.put(&mut room, tick, &Event::Alloc { birth, zeroed: false });
        let free =
            state.put(&mut room, tick + 100, &Event::Free { pointer: birth.pointer, stack: Node(70_001) });
        lens.push((alloc, free));
    }
    // Head, tick, address, stack, size, flags; then only what is new.
    assert_eq!(lens[0], (2 + 2 + 6 + 3 + 1 + 1, 2 + 1 + 1 + 3));
    assert_eq!(lens[3], (2 + 1 + 1 + 1, 2 + 1 + 1));
}

#[test]
fn a_state_has_a_layout_that_stays() {
    let mut state = State::default();
    let mut room = [0; ROOM_LEN];
    state.put(&mut room, 0x0102, &Event::Thread { id: 0x0304 });
    let birth = Birth { pointer: 0x0506, size: 1, usable: 2, stack: Node(0x0708), flags: Flags(9) };
    state.put(&mut room, 0x0a0b, &Event::Alloc { birth, zeroed: false });
    let mut expected = [0; State::LEN];
    let filled =
        [(0, 0x0b), (1, 0x0a), (8, 6), (9, 5), (16, 8), (17, 7), (20, 4), (21, 3), (24, 9), (32, 8), (33, 7)];
    filled.iter().for_each(|&(at, byte)| expected[at] = byte);
    assert_eq!(state.to_bytes(), expected);
}
