//! What is measured: the service's own work in a call, one module per subject, with constant input.
//!
//! Everything that reads a file, a socket or the clock of another machine is outside, so that the cost is the same in each call.

mod answers;
mod audit;
mod caller;
mod decision;
mod return_url;
mod token;

/// One repetition. It does not return its result, so that the caller cannot use it by accident.
pub(crate) type Call = Box<dyn Fn()>;

/// What is measured.
#[derive(Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// Creates what the repetitions share. Not measured.
    pub(crate) prepare: fn() -> Call,
}

/// In the order of a call. The signature is a part of the token: it shows how much of the token is unavoidable.
pub(crate) const SUBJECTS: [Subject; 10] = [
    Subject { name: "caller", prepare: caller::prepare },
    Subject { name: "signature", prepare: token::prepare_signature },
    Subject { name: "token", prepare: token::prepare },
    Subject { name: "token_again", prepare: token::prepare_again },
    Subject { name: "return_url", prepare: return_url::prepare },
    Subject { name: "flag", prepare: decision::prepare_flag },
    Subject { name: "decision", prepare: decision::prepare },
    Subject { name: "customer_answer", prepare: answers::prepare_customer },
    Subject { name: "session_answer", prepare: answers::prepare_session },
    Subject { name: "audit_entry", prepare: audit::prepare },
];

/// Shown as the argument of the benchmark.
impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Runs a future that never waits.
fn run<T>(future: impl Future<Output = T>) -> T {
    futures_util::FutureExt::now_or_never(future).expect("the future waits")
}

/// Runs what opens a file. The file is not read again, because the runtime stops.
fn open<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}
