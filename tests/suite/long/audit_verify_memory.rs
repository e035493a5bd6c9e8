//! The memory of `audit-verify` with a million entries.

use std::{
    io::Write as _,
    time::{Duration, Instant, SystemTime},
};

use crate::support::process::{binary, output_and_peak_memory, text};

const CALLS: u64 = 500_000;

/// The limit, in KiB, above what the command needs without entries.
const MAX_MEMORY: u64 = 16 * 1024;

#[tokio::test]
#[ignore = "writes audit files of 250 MB: run it with `tests/run --long`"]
async fn million_entries_of_many_files_are_verified_in_constant_memory() {
    let folder = tempfile::tempdir().unwrap();
    let start = SystemTime::now() - Duration::from_secs(30 * 24 * 3_600);
    let paths: Vec<_> = (0..30).map(|day| folder.path().join(format!("{day}.jsonl"))).collect();
    let mut files: Vec<_> =
        paths.iter().map(|path| std::io::BufWriter::new(std::fs::File::create(path).unwrap())).collect();
    for call in 0..CALLS {
        // Two replicas, whose calls take turns.
        let (writer, number) = (call % 2, call / 2 * 2 + 1);
        let file = &mut files[usize::try_from(call * 30 / CALLS).unwrap()];
        let time = |after: u64| humantime::format_rfc3339_millis(start + Duration::from_millis(call * 5_000 + after));
        let members = format!(
            r#""request_id":"{call:032x}","rpc":"CreatePortalSession","subject":"user-{call}","tenant":"tenant-{call}","role":"owner","caller":"cluster.local/ns/app/sa/settings","customer":"cus_{call:014}","flow":"home""#
        );
        let head = |number: u64| format!(r#""writer":"{writer:016x}","sequence":{number}"#);
        writeln!(file, r#"{{{},"time":"{}","event":"intent",{members}}}"#, head(number), time(0)).unwrap();
        let outcome = format!(r#""session":"bps_{call:024}","reason":"OK","released":true,"duration_ms":250"#);
        writeln!(file, r#"{{{},"time":"{}","event":"outcome",{members},{outcome}}}"#, head(number + 1), time(250))
            .unwrap();
    }
    drop(files);

    let mut command = binary();
    command.args(["audit-verify", "/dev/null"]);
    let (_, empty) = output_and_peak_memory(command).await;
    for is_reversed in [false, true] {
        let mut command = binary();
        let mut paths: Vec<_> = paths.iter().collect();
        if is_reversed {
            paths.reverse();
        }
        command.arg("audit-verify").args(paths);
        let begun = Instant::now();
        let (output, peak) = output_and_peak_memory(command).await;
        println!("audit-verify of {} entries: {:.0?}, at most {} MiB", 2 * CALLS, begun.elapsed(), peak / 1024);
        assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
        assert!(text(&output.stderr).starts_with("entries: 1000000, "), "{output:?}");
        assert!(peak < empty.max(MAX_MEMORY) + MAX_MEMORY, "{peak} KiB, without entries {empty} KiB");
    }
}
