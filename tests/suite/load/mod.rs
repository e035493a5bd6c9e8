//! Load: what callers see when there is more of it than the service admits, when other clients abuse HTTP/2, and after a long time.
//!
//! The service is a process of its own, with SQLite and the simulator of Stripe. The load generator uses the same processors, so
//! "capacity" is what the limits of the service admit (`--max-in-flight` calls, each as long as Stripe takes), not what the
//! machine can do. Calls start at a fixed rate, whether earlier ones have ended or not, and nothing is sent again.
//!
//! `tests/load` runs the long form, prints tables, and draws docs/load.svg and docs/soak.svg. A short form runs in `tests/run`.

mod abuse;
mod long;
mod overload;
mod plot;
mod short;
mod soak;
mod stage;
mod traffic;

pub(crate) use abuse::all as abuses;

/// How large a run is.
#[derive(Clone, Copy, Debug)]
struct Form {
    overload: overload::Form,
    abuse: abuse::Form,
    soak: soak::Form,
    /// Whether the plots in docs/ are drawn.
    draws: bool,
}

/// Runs everything, or what the variable `LOAD` names, separated by spaces: `overload`, `soak`, or an abuse.
async fn run(form: Form) {
    let names = std::env::var("LOAD").unwrap_or_default();
    let names: Vec<_> = names.split_whitespace().collect();
    let is_chosen = |name: &str| names.is_empty() || names.contains(&name);
    if is_chosen("overload") {
        overload::run(form.overload, form.draws).await;
    }
    let abuses: Vec<_> = abuses().filter(|abuse| is_chosen(abuse.name)).collect();
    if !abuses.is_empty() {
        abuse::run_all(form.abuse, abuses).await;
    }
    if is_chosen("soak") {
        soak::run(form.soak, form.draws).await;
    }
}
