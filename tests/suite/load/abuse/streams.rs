//! Streams that are many, that send slowly, or that nobody reads.

use prost::Message as _;

use super::{
    Abuse, FLOOD,
    client::{Then, stream, whole_call},
};
use crate::support::{
    http2::{DATA, WINDOW_UPDATE, encoded},
    raw_call::frame,
    world::home,
};

/// SETTINGS_INITIAL_WINDOW_SIZE of 0 and of 1 (RFC 9113, section 6.5.2).
const CLOSED_WINDOW: &[u8] = &[0, 4, 0, 0, 0, 0];
const SMALL_WINDOW: &[u8] = &[0, 4, 0, 0, 0, 1];

/// How many streams a connection may have.
const STREAMS: u32 = 100;

pub(super) const ABUSES: &[Abuse] = &[
    Abuse {
        name: "many-streams",
        title: "opens streams beyond the limit of a connection",
        bytes: |target, number| target.call(number),
        ..FLOOD
    },
    Abuse {
        name: "slow-messages",
        title: "sends half of each of 100 messages, and waits",
        clients: 5,
        bytes: |target, _| {
            let message = frame(0, &home().encode_to_vec());
            let half = |number| [target.call(number), encoded(DATA, 0, stream(number), &message[..9])].concat();
            (0..STREAMS).flat_map(half).collect()
        },
        then: Then::Hold,
        ..FLOOD
    },
    Abuse {
        name: "closed-window",
        title: "makes 100 calls, and never opens the window for the responses",
        clients: 5,
        settings: Some(CLOSED_WINDOW),
        bytes: |target, _| (0..STREAMS).flat_map(|number| whole_call(&target.token, number)).collect(),
        then: Then::Hold,
    },
    Abuse {
        name: "small-windows",
        title: "reads responses byte by byte, with window updates of 1 (CVE-2019-9511)",
        settings: Some(SMALL_WINDOW),
        bytes: |target, number| {
            let call = number / STREAMS;
            match number % STREAMS {
                0 => whole_call(&target.token, call),
                _ => encoded(WINDOW_UPDATE, 0, stream(call), &[0, 0, 0, 1]),
            }
        },
        ..FLOOD
    },
    Abuse {
        name: "unread-responses",
        title: "makes calls, and does not read from its connection (CVE-2019-9517)",
        bytes: |target, number| whole_call(&target.token, number),
        then: Then::RepeatUnread,
        ..FLOOD
    },
];
