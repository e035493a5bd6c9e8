//! What fails while the calls are made.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rand::{RngExt as _, rngs::StdRng, seq::IndexedRandom as _};
use stripe_simulator::{Fault, Simulator};
use tokio::{sync::Notify, task::block_in_place, time::sleep};

use super::Run;
use crate::support::{directory, stripe::SESSIONS};

/// How long Stripe takes for a request.
const STRIPE: Duration = Duration::from_millis(5);

const FAULTS: [Option<Fault>; 8] = [
    Some(Fault::Status500),
    Some(Fault::Status503),
    Some(Fault::RateLimit),
    Some(Fault::LockTimeout),
    Some(Fault::Reset),
    Some(Fault::ConnectionRefused),
    Some(Fault::Hang),
    // The directory.
    None,
];

/// Makes Stripe slower than the audit log. The value is notified of each request for a session before its answer.
pub(super) fn slow_down(stripe: &Simulator) -> Arc<Notify> {
    let asked = Arc::new(Notify::new());
    let notified = Arc::clone(&asked);
    stripe.record_requests(false);
    stripe.tamper(Some(Arc::new(move |request, answer| {
        if request.path == SESSIONS {
            notified.notify_waiters();
        }
        Box::pin(async move {
            sleep(STRIPE).await;
            answer
        })
    })));
    asked
}

/// Lets one fault follow the other, each for some calls, with healthy times in between. Counts them.
pub(super) async fn disturb(run: &Run, mut random: StdRng, counts: &mut BTreeMap<String, usize>) {
    let rename = |from: &str, to: &str| {
        block_in_place(|| directory::run(&run.folder, &format!("ALTER TABLE {from} RENAME TO {to}")));
    };
    let mut next = 0;
    loop {
        next += random.random_range(20..100);
        run.wait_for_calls(next).await;
        let fault = *FAULTS.choose(&mut random).unwrap();
        match fault {
            Some(fault) => run.stripe.inject(fault),
            None => rename("billing_portal_tenants", "moved"),
        }
        *counts.entry(fault.map_or("Directory".to_owned(), |fault| format!("{fault:?}"))).or_default() += 1;
        next += random.random_range(20..60);
        run.wait_for_calls(next).await;
        match fault {
            Some(_) => run.stripe.clear_faults(),
            None => rename("moved", "billing_portal_tenants"),
        }
    }
}
