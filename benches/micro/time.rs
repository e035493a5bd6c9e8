//! Prints the time and the allocations of each subject: `cargo bench --bench micro`.
#![allow(clippy::expect_used, reason = "a benchmark that cannot be prepared must stop")]

mod subjects;

use divan::{AllocProfiler, Bencher};

use subjects::{SUBJECTS, Subject};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

#[divan::bench(args = SUBJECTS)]
fn subject(bencher: Bencher<'_, '_>, subject: &Subject) {
    bencher.bench_local((subject.prepare)());
}
