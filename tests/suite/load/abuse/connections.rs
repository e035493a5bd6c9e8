//! Connections and calls that are many.

use prost::Message as _;

use super::{
    Abuse, FLOOD,
    client::{Then, stream},
};
use crate::support::{
    http2::{DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, call_headers, encoded},
    raw_call::{OPEN, frame},
    world::home,
};

/// More than `--max-connections`.
const CROWD: usize = 300;

pub(super) const ABUSES: &[Abuse] = &[
    Abuse {
        name: "silent-connections",
        title: "connects and sends nothing",
        clients: CROWD,
        settings: None,
        then: Then::Hold,
        ..FLOOD
    },
    Abuse {
        name: "half-prefaces",
        title: "sends half a preface, and waits",
        clients: CROWD,
        settings: None,
        bytes: |_, _| PREFACE[..12].to_vec(),
        then: Then::Hold,
        ..FLOOD
    },
    Abuse { name: "idle-connections", title: "sends a preface, and waits", clients: CROWD, then: Then::Hold, ..FLOOD },
    Abuse {
        name: "connection-churn",
        title: "connects, makes a call and disconnects",
        clients: 8,
        bytes: |target, number| target.call(OPEN, number),
        then: Then::Disconnect,
        ..FLOOD
    },
    Abuse {
        name: "unknown-key-ids",
        title: "makes calls with a key ID that is not in the key set",
        bytes: |target, number| call(&target.unknown_token, number),
        ..FLOOD
    },
    Abuse {
        name: "one-person",
        title: "makes as many calls as possible, with the token of one person",
        bytes: |target, number| call(&target.token, number),
        ..FLOOD
    },
];

/// Returns a whole call.
fn call(token: &str, number: u32) -> Vec<u8> {
    let message = frame(0, &home().encode_to_vec());
    let headers = encoded(HEADERS, END_HEADERS, stream(number), &call_headers(OPEN, token));
    [headers, encoded(DATA, END_STREAM, stream(number), &message)].concat()
}
