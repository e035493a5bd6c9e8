//! Connections and calls that are many.

use super::{
    Abuse, FLOOD,
    client::{Then, whole_call},
};
use crate::support::http2::PREFACE;

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
    },
    Abuse { name: "idle-connections", title: "sends a preface, and waits", clients: CROWD, then: Then::Hold, ..FLOOD },
    Abuse {
        name: "connection-churn",
        title: "connects, makes a call and disconnects",
        clients: 8,
        bytes: |target, number| target.call(number),
        then: Then::Disconnect,
        ..FLOOD
    },
    Abuse {
        name: "unknown-key-ids",
        title: "makes calls with a key ID that is not in the key set",
        bytes: |target, number| whole_call(&target.unknown_token, number),
        ..FLOOD
    },
    Abuse {
        name: "one-person",
        title: "makes as many calls as possible, with the token of one person",
        bytes: |target, number| whole_call(&target.token, number),
        ..FLOOD
    },
];
