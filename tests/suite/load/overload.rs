//! Ten times the capacity: accepted calls take hardly longer, the others are refused immediately, and health answers.

use std::time::{Duration, Instant};

use comfy_table::{Table, presets::ASCII_MARKDOWN};

use super::{
    plot,
    stage::{MAX_GROWTH, Sample, Stage, peak},
    traffic::{self, Action, Call, answers, latencies, ms},
};
use crate::support::{latencies::Latencies, open_loop::Ended, stripe::delay_responses};

/// How many calls the service admits at the same time.
const IN_FLIGHT: u32 = 8;

/// How many times the capacity is called.
const OVERLOAD: u32 = 10;

/// How long after a stall calls are still affected: those that were missed start together.
const AFTER_STALL: Duration = Duration::from_secs(1);

/// How large a run is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// How long Stripe takes for each of the two requests of a call, which are sent at the same time.
    pub(super) stripe: Duration,
    /// How long calls come at a quarter of the capacity, and then at ten times the capacity.
    pub(super) seconds: [u32; 2],
    /// Whether refusals must be faster than Stripe. The debug build of a short form shares its processors with other tests.
    pub(super) is_quiet: bool,
}

impl Form {
    /// Calls per second that the limit admits.
    fn capacity(self) -> u32 {
        IN_FLIGHT * 1_000 / u32::try_from(self.stripe.as_millis()).unwrap()
    }
}

/// Everything that was measured.
pub(super) struct Overload {
    form: Form,
    pub(super) began: Instant,
    /// A quarter of the capacity.
    pub(super) unloaded: Ended<Call>,
    /// When ten times the capacity began, and how long it lasted.
    pub(super) overloaded: Instant,
    lasted: Duration,
    /// Ten times the capacity.
    pub(super) loaded: Ended<Call>,
    health: Vec<Duration>,
    pub(super) samples: Vec<Sample>,
    /// The memory before and after the overload, in KiB.
    memory: [u64; 2],
}

/// Measures, prints a table, draws the plot if `draws`, and checks the promise.
pub(super) async fn run(form: Form, draws: bool) {
    let overload = Overload::measure(form).await;
    overload.print();
    if draws {
        plot::overload(&overload);
    }
    overload.check();
}

impl Overload {
    async fn measure(form: Form) -> Self {
        let stage = Stage::start(&[&format!("--max-in-flight={IN_FLIGHT}")]).await;
        delay_responses(&stage.world.stripe, form.stripe);
        let (health, samples, began) = (traffic::health(&stage.world), stage.sample(10), Instant::now());
        let [unloaded, loaded] =
            [(form.capacity() / 4, form.seconds[0]), (form.capacity() * OVERLOAD, form.seconds[1])];
        let unloaded = calls(&stage, unloaded).await;
        let (overloaded, before) = (Instant::now(), stage.resources().memory);
        let loaded = calls(&stage, loaded).await;
        let (lasted, memory) = (overloaded.elapsed(), [before, stage.resources().memory]);
        let (health, samples) = (health.stop().await.calls, samples.stop().await.calls);
        stage.end().await;
        Self { form, began, unloaded, overloaded, lasted, loaded, health, samples, memory }
    }

    pub(super) fn capacity(&self) -> u32 {
        self.form.capacity()
    }

    /// The calls that were accepted, or the others, under overload.
    fn answered(&self, ok: bool) -> impl Iterator<Item = &Call> {
        self.loaded.calls.iter().filter(move |call| call.is_ok() == ok)
    }

    /// Returns whether the machine stalled during a call or just before it: it does not show what the service does.
    fn is_disturbed(&self, call: &Call) -> bool {
        let mut stalls = self.unloaded.stalls.iter().chain(&self.loaded.stalls);
        stalls.any(|[from, until]| call.ended >= *from && call.started <= *until + AFTER_STALL)
    }

    fn latencies<'a>(&self, calls: impl Iterator<Item = &'a Call>) -> Latencies {
        latencies(calls.filter(|call| !self.is_disturbed(call)))
    }

    fn print(&self) {
        let mut table = Table::new();
        let header = ["calls", "count", "per second", "p50, ms", "p99, ms", "longest, ms"];
        table.load_style(ASCII_MARKDOWN).set_header(header);
        let (accepted, refused) = (self.answered(true).count(), self.answered(false).count());
        let (unloaded, lasted) = (self.overloaded - self.began, self.lasted);
        for (name, count, lasted, times) in [
            (
                "a quarter of the capacity",
                self.unloaded.calls.len(),
                unloaded,
                self.latencies(self.unloaded.calls.iter()),
            ),
            ("ten times the capacity: accepted", accepted, lasted, self.latencies(self.answered(true))),
            ("ten times the capacity: refused", refused, lasted, self.latencies(self.answered(false))),
            ("health checks", self.health.len(), unloaded + lasted, self.health.iter().copied().collect()),
        ] {
            let rate = format!("{:.0}", count as f64 / lasted.as_secs_f64());
            let [p50, p99, longest] = [times.median(), times.p99(), times.largest()].map(ms);
            table.add_row([name, &count.to_string(), &rate, &p50, &p99, &longest]);
        }
        println!("{table}");
        let [before, after] = self.memory;
        let mib = [before, peak(&self.samples), after].map(|kib| kib / 1024);
        println!(
            "the capacity is {} calls/s; memory: {} MiB before, at most {} MiB, {} MiB after; the machine stalled {} times",
            self.capacity(),
            mib[0],
            mib[1],
            mib[2],
            self.unloaded.stalls.len() + self.loaded.stalls.len(),
        );
    }

    fn check(&self) {
        let wrong = answers(self.unloaded.calls.iter().filter(|call| !call.is_ok() && !self.is_disturbed(call)));
        assert!(wrong.is_empty(), "a quarter of the capacity: {wrong:?}");
        let wrong = answers(self.answered(false).filter(|call| call.answer != "OVERLOADED"));
        assert!(wrong.is_empty(), "ten times the capacity: {wrong:?}");

        let (accepted, refused) = (self.answered(true).count(), self.answered(false).count());
        assert!(refused > accepted, "no overload: {refused} of {} calls were refused", refused + accepted);
        let admitted = f64::from(self.capacity()) * self.lasted.as_secs_f64();
        assert!(accepted as f64 > admitted / 2.0, "{accepted} of {admitted} calls were accepted");

        let unloaded = self.latencies(self.unloaded.calls.iter());
        let [times, refusals] = [true, false].map(|ok| self.latencies(self.answered(ok)));
        let measured = unloaded.count() * 4 > self.unloaded.calls.len() && times.count() * 4 > accepted;
        assert!(measured, "the machine stalled most of the time");
        let [unloaded, times, refusals] = [unloaded, times, refusals].map(|times| times.p99());
        assert!(times <= 2 * unloaded, "accepted calls take longer: {times:?} after {unloaded:?}");
        assert!(!self.form.is_quiet || refusals < self.form.stripe, "refused calls wait: {refusals:?}");
        assert!(peak(&self.samples) <= self.memory[0] + MAX_GROWTH, "the memory grows");
    }
}

/// Calls at a rate for some seconds.
async fn calls(stage: &Stage, (per_second, seconds): (u32, u32)) -> Ended<Call> {
    let calls = traffic::start(stage, per_second, |_| Action::Open).await;
    calls.wait_for_calls((per_second * seconds) as usize).await;
    calls.stop().await
}
