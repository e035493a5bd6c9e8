//! A fault, and what the service promises while it lasts.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{
    load::{Call, LOST},
    outcome::Outcome,
    stage::{AUDIT, Stage},
    telemetry::Collector,
};

/// A row of the table. A new fault is a new row in the file of its group.
pub(crate) struct Fault {
    /// The name on the command line.
    pub(crate) name: &'static str,
    /// What fails, for docs/operate.md.
    pub(crate) title: &'static str,
    pub(super) setup: Setup,
    /// Settings in addition to those of every stage.
    pub(super) settings: &'static [&'static str],
    /// The calls that the fault may affect. All others succeed.
    pub(crate) affected: Affected,
    /// The reasons that an affected call may receive. The first one is seen at least once while the fault lasts.
    pub(crate) reasons: &'static [&'static str],
    /// Further reasons, which need not be seen.
    pub(crate) rare: &'static [&'static str],
    /// How long after the end of the fault calls succeed again.
    pub(crate) healthy_within: Duration,
    /// By how much the resident memory may have grown after the fault, in MiB.
    pub(super) memory_growth: u64,
    /// The exit code, if the fault ends the process. It has answered what it has accepted.
    pub(crate) ends: Option<i32>,
    /// Begins the fault, lets it last, and ends it.
    pub(super) inject: for<'a> fn(&'a Stage) -> BoxFuture<'a, ()>,
    /// Checks of this fault alone, and the figure that they are about.
    pub(super) figure: Option<fn(&Outcome<'_>) -> String>,
}

/// A fault that affects nothing, from which the others differ.
pub(super) const HARMLESS: Fault = Fault {
    name: "",
    title: "",
    setup: Setup::Shared,
    settings: &[],
    affected: Affected::None,
    reasons: &[],
    rare: &[],
    healthy_within: Duration::ZERO,
    memory_growth: 32,
    ends: None,
    inject: |_| Box::pin(std::future::ready(())),
    figure: None,
};

/// What a fault needs besides the service and Stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setup {
    /// A database on the server that all share.
    Shared,
    /// The same over TCP, with a password in a file.
    Password,
    /// A database server of its own.
    OwnServer,
    /// A database server of its own with a standby, both in `DATABASE_URL`, over TCP with a password in a file.
    Standby,
    /// PgBouncer in front of a server of its own.
    Pooler,
    /// The name of Stripe's host, in a mount namespace with its own `/etc/hosts`.
    HostName,
    /// The audit file on a small disk, in a mount namespace.
    SmallDisk,
    /// A pipe instead of the audit file.
    Pipe,
    /// A collector that fails.
    Collector(Collector),
}

impl Setup {
    /// Returns where the audit entries are written, in the folder of the stage.
    pub(super) fn audit_path(self) -> &'static str {
        match self {
            Self::SmallDisk => "disk/audit.jsonl",
            Self::Pipe => "pipe",
            Self::Shared
            | Self::Password
            | Self::OwnServer
            | Self::Standby
            | Self::Pooler
            | Self::HostName
            | Self::Collector(_) => AUDIT,
        }
    }
}

/// The calls that a fault may affect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Affected {
    None,
    /// Every `CreatePortalSession`.
    Sessions,
    /// Every call of the tenant [`ONE_TENANT`].
    OneTenant,
    All,
}

/// The number of the tenant that a fault of one tenant concerns.
pub(super) const ONE_TENANT: usize = 0;

impl Affected {
    pub(super) fn includes(self, call: &Call) -> bool {
        match self {
            Self::None => false,
            Self::Sessions => call.is_session,
            Self::OneTenant => call.tenant() == ONE_TENANT,
            Self::All => true,
        }
    }
}

impl Fault {
    pub(super) fn all_reasons(&self) -> impl Iterator<Item = &'static str> {
        self.reasons.iter().chain(self.rare).copied()
    }

    /// What callers see, as docs/operate.md says it.
    pub(crate) fn promise(&self) -> String {
        let reasons = self.all_reasons().filter(|reason| *reason != LOST);
        let reasons = reasons.map(|reason| format!("`{reason}`")).collect::<Vec<_>>().join(", ");
        match self.affected {
            Affected::All if self.ends == Some(0) => format!("calls after it: {reasons}; earlier ones succeed"),
            Affected::None => "nothing: every call succeeds".to_owned(),
            Affected::Sessions => format!("{reasons}; `GetPortalAccess` succeeds"),
            Affected::OneTenant => format!("one tenant: {reasons}; the others succeed"),
            Affected::All => reasons,
        }
    }

    /// Whether calls can end without an answer of the service, as docs/operate.md says it.
    pub(crate) fn lost_calls(&self) -> &'static str {
        match self.ends {
            Some(_) => "only those that are not accepted",
            None => "none",
        }
    }

    /// How soon calls succeed again, as docs/operate.md says it.
    pub(crate) fn recovery(&self) -> String {
        match (self.ends, self.affected) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Affected::None) => "always".to_owned(),
            (None, _) => format!("within {} s", self.healthy_within.as_secs()),
        }
    }
}
