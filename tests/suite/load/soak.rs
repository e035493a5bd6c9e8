//! A long time under a steady load of everything that callers do, while files change: memory, descriptors and threads stay flat.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    plot,
    stage::{MAX_GROWTH, Sample, Stage, peak},
    traffic::{self, Action, Call, answers, latencies, ms},
};
use crate::support::{Issuer, files, open_loop::OpenLoop, world::FLAG_ON};

/// Calls per second.
const RATE: u32 = 50;

/// How large a run is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) seconds: usize,
    /// The two periods that are compared, each from a second to another one. A short form does not compare.
    pub(super) compared: Option<[[u64; 2]; 2]>,
}

/// Everything that was measured.
pub(super) struct Soak {
    form: Form,
    pub(super) began: Instant,
    calls: Vec<Call>,
    file_changes: usize,
    pub(super) samples: Vec<Sample>,
}

/// Measures, prints the figures, draws the plot if `draws`, and checks the promise.
pub(super) async fn run(form: Form, draws: bool) {
    let soak = Soak::measure(form).await;
    soak.print();
    if draws {
        plot::soak(&soak);
    }
    soak.check();
}

/// Of 20 calls, one connects, three are cancelled, and two are forbidden.
fn action(number: usize) -> Action {
    match number % 20 {
        0 => Action::Connect,
        // From before the service has read the call to after it has answered.
        5 | 9 | 14 => Action::Cancel(Duration::from_micros(number as u64 % 7 * 1_000)),
        3 | 12 => Action::Forbidden,
        even if even.is_multiple_of(2) => Action::Open,
        _ => Action::Access,
    }
}

impl Soak {
    async fn measure(form: Form) -> Self {
        let stage = Stage::start(&[]).await;
        let began = Instant::now();
        let (samples, changes) = (stage.sample(1), change_files(&stage));
        let calls = traffic::start(&stage, RATE, action).await;
        calls.wait_for_calls(RATE as usize * form.seconds).await;
        let calls = calls.stop().await.calls;
        let (samples, file_changes) = (samples.stop().await.calls, changes.stop().await.calls.len());
        stage.end().await;
        Self { form, began, calls, file_changes, samples }
    }

    fn period(&self, [from, until]: [u64; 2]) -> Vec<Sample> {
        let seconds = |sample: &Sample| (sample.at - self.began).as_secs();
        self.samples.iter().filter(|sample| (from..until).contains(&seconds(sample))).copied().collect()
    }

    fn print(&self) {
        let times = latencies(&self.calls);
        println!(
            "soak of {} s: {} calls, unexpected answers: {:?}, p99 {} ms, {} changes of files",
            self.form.seconds,
            self.calls.len(),
            self.unexpected(),
            ms(times.p99()),
            self.file_changes,
        );
        let last = self.form.seconds as u64;
        let periods = self.form.compared.unwrap_or([[0, 1], [last.saturating_sub(1), last]]);
        for period in periods {
            let usage = Usage::of(&self.period(period));
            println!("from second {} to {}: {usage:?}", period[0], period[1]);
        }
    }

    /// Counts the unexpected answers.
    fn unexpected(&self) -> BTreeMap<&str, usize> {
        answers(self.calls.iter().filter(|call| !call.is_expected()))
    }

    fn check(&self) {
        assert!(self.unexpected().is_empty(), "{:?}", self.unexpected());
        assert!(peak(&self.samples) <= self.samples[0].resources.memory + MAX_GROWTH, "the memory grows");
        if let Some(compared) = self.form.compared {
            let [early, late] = compared.map(|period| Usage::of(&self.period(period)));
            // Many calls at the same time, such as after a stall of the machine, raise the memory once: the allocator keeps it. A
            // leak of 100 bytes for each call would exceed this.
            assert!(late.median_kib <= early.median_kib * 5 / 4, "the memory grows: {early:?}, {late:?}");
            assert!(late.descriptors <= early.descriptors + 8, "descriptors are leaked: {early:?}, {late:?}");
            assert!(late.threads <= early.threads + 2, "threads are leaked: {early:?}, {late:?}");
        }
    }
}

/// What the process used during a period. A leak raises the lowest numbers; connections to Stripe, which stay open for a while,
/// do not.
#[derive(Debug)]
struct Usage {
    median_kib: u64,
    /// At least.
    descriptors: usize,
    /// At least.
    threads: usize,
}

impl Usage {
    fn of(samples: &[Sample]) -> Self {
        let mut memory: Vec<_> = samples.iter().map(|sample| sample.resources.memory).collect();
        memory.sort_unstable();
        let least = |value: fn(&Sample) -> usize| samples.iter().map(value).min().unwrap();
        Self {
            median_kib: memory[memory.len() / 2],
            descriptors: least(|sample| sample.resources.descriptors),
            threads: least(|sample| sample.resources.threads),
        }
    }
}

/// Replaces the flag file and the key set every second, so that they have other content each time and no call is affected.
fn change_files(stage: &Stage) -> OpenLoop<()> {
    let [flags, jwks] = ["flags.json", "jwks.json"].map(|name| stage.world.path(name));
    let (key, other) = (stage.world.issuer.jwk(), Issuer::new("key-2").jwk());
    OpenLoop::start(1, move |number| {
        let keys = if number.is_multiple_of(2) { json!([key, other]) } else { json!([key]) };
        files::replace(&jwks, &json!({ "keys": keys }).to_string());
        files::replace(&flags, &format!("{FLAG_ON}{}", " ".repeat(number % 100)));
        std::future::ready(())
    })
}
