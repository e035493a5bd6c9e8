//! The memory of `reconcile` with a million sessions.

use std::{
    io::Write as _,
    time::{Duration, Instant, SystemTime},
};

use crate::support::{
    World,
    process::{binary, output_and_peak_memory, text},
};

const SESSIONS: u32 = 1_000_000;

/// The limit, in KiB.
const MAX_MEMORY: u64 = 256 * 1024;

#[tokio::test]
#[ignore = "writes an audit file of 500 MB: run it with `tests/run --long`"]
async fn million_sessions_of_a_month_are_compared() {
    let world = World::start().await;
    let path = world.path("month.jsonl");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let now = SystemTime::now();
    for i in 0..SESSIONS {
        let age = Duration::from_secs(3_600 + u64::from(SESSIONS - i) * 2_500_000 / u64::from(SESSIONS));
        let time = humantime::format_rfc3339_millis(now - age);
        let call = format!(
            r#""time":"{time}","request_id":"{i:032x}","rpc":"CreatePortalSession","subject":"user-{i}","tenant":"tenant-{i}","role":"owner","caller":"cluster.local/ns/app/sa/settings","customer":"cus_{i:014}","flow":"home""#
        );
        writeln!(file, r#"{{"event":"intent",{call}}}"#).unwrap();
        let outcome = format!(r#""session":"bps_{i:024}","stripe_request_id":"req_{i:014}","duration_ms":250"#);
        // The simulator has no events for these sessions. A refused one needs none.
        writeln!(file, r#"{{"event":"outcome",{call},{outcome},"reason":"BUG","released":false}}"#).unwrap();
    }
    drop(file.into_inner().unwrap());

    let settings = world.settings(&[&format!("--audit={}", path.display())]);
    let mut command = binary();
    command.arg("reconcile").args(settings);
    let started = Instant::now();
    let (output, peak) = output_and_peak_memory(command).await;
    println!("reconcile of {SESSIONS} sessions: {:.0?}, at most {} MiB", started.elapsed(), peak / 1024);
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output.stderr).contains(&format!("sessions in the audit files: {SESSIONS}, 0 of them without")));
    assert!(peak < MAX_MEMORY, "{peak} KiB");
}
