//! What the audit log is written to fails, or is rotated.

use std::{
    fs::File,
    io::{ErrorKind, Write as _},
    time::{Duration, Instant},
};

use super::{
    fault::{Affected, Fault, HARMLESS, Setup},
    stage::{AUDIT, Stage},
};
use crate::support::process::signal;

/// Larger than the disk of the audit file.
const MORE_THAN_THE_DISK: usize = 8 << 20;

/// How many calls start between two rotations. Not all of them are GetPortalAccess.
const CALLS_BETWEEN: usize = 4;

/// GetPortalAccess is not audited.
const OUTAGE: Fault = Fault {
    affected: Affected::Sessions,
    reasons: &["AUDIT_UNAVAILABLE"],
    healthy_within: Duration::from_secs(1),
    ..HARMLESS
};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "audit-disk-full",
        title: "The disk of the audit file is full",
        setup: Setup::SmallDisk,
        inject: |stage| Box::pin(disk_full(stage)),
        ..OUTAGE
    },
    Fault {
        name: "audit-reader-stopped",
        title: "The reader of the audit pipe stops",
        setup: Setup::Pipe,
        inject: |stage| Box::pin(reader_stopped(stage)),
        ..OUTAGE
    },
    Fault {
        name: "audit-pipe-closed",
        title: "The audit pipe has no reader",
        setup: Setup::Pipe,
        inject: |stage| Box::pin(pipe_closed(stage)),
        ..OUTAGE
    },
    Fault {
        name: "audit-file-renamed-100-times",
        title: "The audit file is renamed 100 times, each time with a SIGHUP",
        inject: |stage| Box::pin(renamed(stage)),
        ..HARMLESS
    },
    Fault {
        name: "audit-file-truncated-100-times",
        title: "The audit file is copied and truncated 100 times",
        inject: |stage| Box::pin(copied_and_truncated(stage)),
        ..HARMLESS
    },
];

async fn disk_full(stage: &Stage) {
    let filler = stage.audit_folder.join("filler");
    let error = File::create(&filler).unwrap().write_all(&vec![0; MORE_THAN_THE_DISK]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    stage.hold().await;
    std::fs::remove_file(filler).unwrap();
}

async fn reader_stopped(stage: &Stage) {
    stage.pipe().stop();
    stage.hold().await;
    stage.pipe().read();
}

async fn pipe_closed(stage: &Stage) {
    stage.pipe().close();
    stage.hold().await;
    stage.pipe().read();
}

async fn renamed(stage: &Stage) {
    for number in 1..=stage.scaled(100) {
        let path = stage.audit_folder.join(AUDIT);
        std::fs::rename(&path, stage.audit_folder.join(format!("{AUDIT}.{number}"))).unwrap();
        signal(&stage.serving.child, "-HUP");
        // The file is created by the next entry, if not by the signal.
        stage.load.wait_for_calls(CALLS_BETWEEN).await;
        stage.load.wait_for_earlier_calls().await;
    }
    stage.serving.wait_for_lines(r#""message":"audit file reopened""#, stage.scaled(100)).await;
}

/// Entries that are written between both steps are lost.
async fn copied_and_truncated(stage: &Stage) {
    for number in 1..=stage.scaled(100) {
        let (path, begun) = (stage.audit_folder.join(AUDIT), Instant::now());
        let text = std::fs::read_to_string(&path).unwrap();
        // An entry may be half written.
        let (whole, _) = text.rsplit_once('\n').unwrap();
        std::fs::write(stage.audit_folder.join(format!("{AUDIT}.{number}")), whole).unwrap();
        File::create(&path).unwrap();
        stage.explain_failures_since(begun);
        stage.load.wait_for_calls(CALLS_BETWEEN).await;
    }
}
