//! The streaming protocol: what is sent arrives, in whatever pieces, and nothing that a peer sends does harm.

use bytehound_format::protocol::{
    BroadcastHeader, DATA_LEN_MAX, ProtocolError, Request, Response, data_head,
};
use bytehound_format::{DataId, SliceOutput, Timestamp};
use proptest::prelude::*;

fn header() -> impl Strategy<Value = BroadcastHeader<'static>> {
    let numbers = (any::<[u64; 6]>(), any::<u32>(), any::<u16>(), any::<u32>());
    let texts = (any::<Vec<u8>>(), any::<Vec<u8>>(), any::<String>());
    (numbers, texts).prop_map(
        |((words, pid, listener_port, protocol_version), (cmdline, executable, arch))| {
            let [a, b, initial, now, wall_clock_secs, wall_clock_nsecs] = words;
            BroadcastHeader {
                id: DataId { a, b },
                initial_timestamp: Timestamp(initial),
                timestamp: Timestamp(now),
                wall_clock_secs,
                wall_clock_nsecs,
                pid,
                cmdline: cmdline.into(),
                executable: executable.into(),
                arch: arch.into(),
                listener_port,
                protocol_version,
            }
        },
    )
}

fn response() -> impl Strategy<Value = Response<'static>> {
    prop_oneof![
        header().prop_map(Response::Start),
        any::<Vec<u8>>().prop_map(|payload| Response::Data(payload.into())),
        Just(Response::FinishedInitialStreaming),
        Just(Response::Pong),
        Just(Response::Finished),
    ]
}

fn encoded(response: &Response<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    response.encode(&mut bytes);
    bytes
}

proptest! {
    #[test]
    fn messages_arrive_as_they_were_sent(sent in prop::collection::vec(response(), 0..8)) {
        let bytes: Vec<u8> = sent.iter().flat_map(encoded).collect();
        let mut rest = &bytes[..];
        for expected in &sent {
            let (message, used) = Response::decode(rest).unwrap().unwrap();
            prop_assert_eq!(&message, expected);
            rest = &rest[used..];
        }
        prop_assert_eq!(Response::decode(rest), Ok(None));
    }

    #[test]
    fn a_part_of_a_message_is_waited_on(sent in response(), cut in any::<prop::sample::Index>()) {
        let bytes = encoded(&sent);
        let part = &bytes[..cut.index(bytes.len())];
        prop_assert_eq!(Response::decode(part), Ok(None));
    }

    #[test]
    fn an_announcement_is_a_bare_header(sent in header()) {
        let mut datagram = Vec::new();
        sent.encode(&mut datagram);
        prop_assert_eq!(BroadcastHeader::decode(&datagram), Ok(sent.clone()));
        let cut = BroadcastHeader::decode(&datagram[..datagram.len() - 1]);
        prop_assert_eq!(cut, Err(ProtocolError::Truncated { len: datagram.len() - 1 }));
        prop_assert_eq!(&encoded(&Response::Start(sent))[4..], &datagram[..]);
    }

    #[test]
    fn any_bytes_can_be_decoded(bytes: Vec<u8>, tag in 0..6_u32) {
        // That it returns, and says no more than there is, is what is to be seen.
        let tagged = [&tag.to_le_bytes()[..], &bytes].concat();
        for bytes in [&bytes, &tagged] {
            if let Ok(Some((_, used))) = Response::decode(bytes) {
                prop_assert!(used <= bytes.len());
            }
            let _ = BroadcastHeader::decode(bytes);
        }
    }

    #[test]
    fn what_does_not_fit_is_noticed_without_allocating(sent in response(), room in 0..200_usize) {
        let mut memory = vec![0; room];
        let mut out = SliceOutput::new(&mut memory);
        sent.encode(&mut out);
        let whole = encoded(&sent);
        prop_assert_eq!(out.finish(), (whole.len() <= room).then_some(&whole[..]));
    }
}

#[test]
fn the_bytes_are_those_of_version_2() {
    assert_eq!(Request::StartStreaming.encode(), [0, 0, 0, 0]);
    assert_eq!(Request::TriggerMemoryDump.encode(), [1, 0, 0, 0]);
    assert_eq!(Request::Ping.encode(), [2, 0, 0, 0]);
    assert_eq!(encoded(&Response::Data(b"abc"[..].into())), b"\x01\0\0\0\x03\0\0\0abc");
    assert_eq!(data_head(3), *b"\x01\0\0\0\x03\0\0\0");
    assert_eq!(encoded(&Response::FinishedInitialStreaming), [2, 0, 0, 0]);
    assert_eq!(encoded(&Response::Pong), [3, 0, 0, 0]);
    assert_eq!(encoded(&Response::Finished), [4, 0, 0, 0]);
    let header = BroadcastHeader {
        id: DataId { a: 1, b: 2 },
        initial_timestamp: Timestamp(3),
        timestamp: Timestamp(4),
        wall_clock_secs: 5,
        wall_clock_nsecs: 6,
        pid: 7,
        cmdline: b"a\0"[..].into(),
        executable: b"/a"[..].into(),
        arch: "arm".into(),
        listener_port: 8100,
        protocol_version: 2,
    };
    let words = [1_u64, 2, 3, 4, 5, 6].map(u64::to_le_bytes).concat();
    let expected =
        [&words[..], b"\x07\0\0\0\x02\0\0\0a\0\x02\0\0\0/a\x03\0\0\0arm\xa4\x1f\x02\0\0\0"].concat();
    let mut bytes = Vec::new();
    header.encode(&mut bytes);
    assert_eq!(bytes, expected);
}

#[test]
fn tags_of_no_message_are_refused() {
    assert_eq!(Request::decode([3, 0, 0, 0]), Err(ProtocolError::UnknownTag { tag: 3 }));
    assert_eq!(Response::decode(b"HTTP/1.1"), Err(ProtocolError::UnknownTag { tag: 0x5054_5448 }));
}

#[test]
fn a_length_beyond_what_occurs_is_refused_before_anything_is_waited_on() {
    let head = data_head(u32::MAX);
    let (len, limit) = (u64::from(u32::MAX), DATA_LEN_MAX);
    assert_eq!(Response::decode(&head), Err(ProtocolError::TooLong { what: "bytes of data", len, limit }));
}
