//! Counts the instructions of each subject with callgrind, and compares them with the baseline. Started by
//! `benches/micro/instructions`.
#![allow(clippy::expect_used, reason = "a benchmark that cannot be prepared must stop")]

mod baseline;
mod subjects;

use std::{
    env, fs,
    path::Path,
    process::{Command, ExitCode},
};

use baseline::Baseline;
use subjects::{Call, SUBJECTS};

/// The accepted counts of this profile.
const BASELINE: &str = if cfg!(debug_assertions) {
    concat!(env!("CARGO_MANIFEST_DIR"), "/benches/micro/baseline/dev.txt")
} else {
    concat!(env!("CARGO_MANIFEST_DIR"), "/benches/micro/baseline/release.txt")
};

/// More repetitions change the count per repetition by less than 0.1 %.
const REPETITIONS: u64 = 20;

/// The argument with which this program runs inside valgrind.
const REPEAT: &str = "--repeat";

fn main() -> ExitCode {
    let has = |wanted: &str| env::args().any(|argument| argument == wanted);
    if has(REPEAT) {
        repeat_all();
        return ExitCode::SUCCESS;
    }
    let counted = Baseline { compiler: compiler(), counts: count() };
    if has("--accept") {
        fs::write(BASELINE, counted.to_text()).expect("the baseline can be written");
        return ExitCode::SUCCESS;
    }
    let accepted = fs::read_to_string(BASELINE).expect("the baseline can be read");
    let comparison = Baseline::parse(&accepted).expect("the baseline is valid").compare(&counted);
    print!("{}", comparison.report);
    if comparison.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Repeats each subject in one function, which callgrind counts. Before it, one repetition initializes what is created once.
fn repeat_all() {
    for subject in SUBJECTS {
        let call = (subject.prepare)();
        call();
        counted(&call);
    }
}

#[inline(never)]
fn counted(call: &Call) {
    for _ in 0..REPETITIONS {
        call();
    }
}

/// Runs this program in callgrind, which writes one file per call of [`counted`].
fn count() -> std::collections::BTreeMap<String, u64> {
    let folder = tempfile::tempdir().expect("a folder");
    let status = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--quiet",
            "--toggle-collect=*instructions::counted",
            "--dump-after=*instructions::counted",
        ])
        .arg(format!("--callgrind-out-file={}", folder.path().join("counts").display()))
        .arg(env::current_exe().expect("the path of this program"))
        .arg(REPEAT)
        .status()
        .expect("valgrind can be started");
    assert!(status.success(), "valgrind failed: {status}");
    let files = (1..).map(|number| folder.path().join(format!("counts.{number}")));
    SUBJECTS.iter().zip(files).map(|(subject, file)| (subject.name.to_owned(), total(&file) / REPETITIONS)).collect()
}

/// Returns the number of instructions in a file of callgrind.
fn total(file: &Path) -> u64 {
    let text = fs::read_to_string(file).expect("callgrind counted each subject");
    let totals = text.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a total");
    totals.trim().parse().expect("a number")
}

/// The compiler, and the processor that it compiles for.
fn compiler() -> String {
    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version").output();
    let version = String::from_utf8(output.expect("rustc can be started").stdout).expect("the version is text");
    format!("{}, {}", version.trim(), env::consts::ARCH)
}
