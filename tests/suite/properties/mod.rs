//! Properties of the whole decision: generated cases, each answered by the real layers, interceptor, service and use case, with
//! generated answers of flag, directory, Stripe and audit log, and compared with an oracle that is written separately.
//!
//! `cargo test --locked --test suite properties:: -- --nocapture` prints the number of decisions and their outcomes.

mod answers;
mod case;
mod oracle;
mod stage;

use std::{cell::RefCell, collections::BTreeMap, time::Instant};

use proptest::{
    prop_assert_eq,
    test_runner::{Config, TestRunner},
};

use answers::url_of;
use case::{CUSTOMERS, case};
use oracle::{expected, may_open};
use stage::Service;

/// Each thread decides this many cases.
const CASES: u32 = 10_000;

const THREADS: usize = 2;

/// How often each reason occurred; `OK` for a URL.
type Outcomes = BTreeMap<String, u32>;

/// Generates cases, and compares each decision of the service with the oracle's. Panics with the smallest case that differs.
fn decide(cases: u32) -> Outcomes {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let service = runtime.block_on(Service::new());
    let outcomes = RefCell::new(Outcomes::new());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&case(), |case| {
        let expected = expected(&case);
        let (outcome, events) = runtime.block_on(service.decide(&case));
        // The events end with the audit outcome, which was therefore written before the response was returned.
        prop_assert_eq!(&events, &expected.events);
        prop_assert_eq!(&outcome, &expected.outcome.map(|customer| url_of(CUSTOMERS[customer])).map_err(str::to_owned));
        prop_assert_eq!(outcome.is_ok(), may_open(&case));
        *outcomes.borrow_mut().entry(outcome.err().unwrap_or_else(|| "OK".to_owned())).or_default() += 1;
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    outcomes.into_inner()
}

#[test]
fn every_decision_is_that_of_the_oracle() {
    let started = Instant::now();
    let mut outcomes = Outcomes::new();
    std::thread::scope(|scope| {
        for thread in [(); THREADS].map(|()| scope.spawn(|| decide(CASES))) {
            for (reason, count) in thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                *outcomes.entry(reason).or_default() += count;
            }
        }
    });
    println!("{} decisions in {:.1?}: {outcomes:?}", outcomes.values().sum::<u32>(), started.elapsed());
    // Otherwise the cases would say nothing about this outcome.
    for reason in oracle::OUTCOMES {
        assert!(outcomes.get(reason).is_some_and(|count| *count > 20), "{reason} is too rare: {outcomes:?}");
    }
    assert_eq!(outcomes.len(), oracle::OUTCOMES.len(), "{outcomes:?}");
}
