//! Files change: as documented, a thousand times; and as they should not.

use std::{
    os::unix::fs::symlink,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use stripe_simulator::Mode;
use tokio::time::interval;

use super::{
    fault::{Affected, Fault, HARMLESS, Setup},
    stage::Stage,
};
use crate::support::{Issuer, world::FLAG_ON};

/// The reloaded files, and their settings.
const FILES: [(&str, &str); 4] = [
    ("flags.json", "--flags-file"),
    ("jwks.json", "--principal-jwks"),
    ("stripe.key", "--stripe-secret-key-file"),
    ("password", "--database-password-file"),
];

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "flag-changed-1000-times",
        title: "The flag of a tenant is switched 1,000 times",
        affected: Affected::OneTenant,
        reasons: &["FEATURE_DISABLED"],
        healthy_within: Duration::from_secs(1),
        inject: |stage| Box::pin(flag_changed(stage)),
        ..HARMLESS
    },
    Fault {
        name: "key-set-rotated-100-times",
        title: "The signing key is rotated 100 times",
        inject: |stage| Box::pin(key_set_rotated(stage)),
        ..HARMLESS
    },
    Fault {
        name: "stripe-key-rotated-100-times",
        title: "The Stripe key is rotated 100 times",
        inject: |stage| Box::pin(stripe_key_rotated(stage)),
        ..HARMLESS
    },
    Fault {
        name: "password-rotated-100-times",
        setup: Setup::Password,
        title: "The database password is rotated 100 times",
        affected: Affected::All,
        rare: &["DATABASE_UNAVAILABLE"],
        healthy_within: Duration::from_secs(1),
        inject: |stage| Box::pin(password_rotated(stage)),
        ..HARMLESS
    },
    Fault {
        name: "files-broken",
        setup: Setup::Password,
        title: "Flag, key set, Stripe key and password are not valid",
        inject: |stage| Box::pin(broken(stage)),
        ..HARMLESS
    },
    Fault {
        name: "files-truncated",
        setup: Setup::Password,
        title: "The same files are empty",
        inject: |stage| Box::pin(truncated(stage)),
        ..HARMLESS
    },
    Fault {
        name: "files-deleted",
        setup: Setup::Password,
        title: "The same files are deleted",
        inject: |stage| Box::pin(deleted(stage)),
        ..HARMLESS
    },
    Fault {
        name: "files-swapped-by-symlink",
        setup: Setup::Password,
        title: "The same files are swapped by symlink every 100 ms",
        inject: |stage| Box::pin(swapped_by_symlink(stage)),
        ..HARMLESS
    },
    Fault {
        name: "files-replaced-every-100-ms",
        setup: Setup::Password,
        title: "The same files are replaced every 100 ms",
        inject: |stage| Box::pin(replaced(stage)),
        ..HARMLESS
    },
];

/// The flag is off for one tenant after every second change, and on at the end.
async fn flag_changed(stage: &Stage) {
    let mut off: Value = serde_json::from_str(FLAG_ON).unwrap();
    off["flags"]["billing-portal"]["targeting"] = json!({"if": [{"==": [{"var": "targetingKey"}, "t0"]}, "off"]});
    let off = off.to_string();
    for _ in 0..stage.scaled(500) {
        for text in [&off, FLAG_ON] {
            stage.replace("flags.json", text);
            stage.load.wait_for_calls(1).await;
        }
    }
    stage.replace("flags.json", &off);
    stage.wait_for_refusal().await;
    stage.replace("flags.json", FLAG_ON);
}

/// The new key is added, it signs, and the old one is removed.
async fn key_set_rotated(stage: &Stage) {
    let mut old: Value = serde_json::from_str(&std::fs::read_to_string(stage.path("jwks.json")).unwrap()).unwrap();
    let mut loaded = 0;
    for number in 0..stage.scaled(100) {
        // A name may be used again once its key has been removed.
        let new = Issuer::new(["key-2", "key-1"][number % 2]);
        let new_only = new.jwks();
        let both = json!({"keys": [old["keys"][0], new.jwk()]});
        stage.replace("jwks.json", &both.to_string());
        loaded += 1;
        stage.wait_until_loaded("--principal-jwks", loaded).await;
        stage.load.sign_with(new);
        stage.load.wait_for_earlier_calls().await;
        stage.replace("jwks.json", &new_only.to_string());
        loaded += 1;
        stage.wait_until_loaded("--principal-jwks", loaded).await;
        old = new_only;
    }
}

/// The new key is created and replaces the old one in the file. The old one is revoked when calls that began with it have ended.
async fn stripe_key_rotated(stage: &Stage) {
    let mut old = stage.stripe.secret_key(Mode::Test).to_owned();
    for number in 1..=stage.scaled(100) {
        let new = format!("sk_test_rotated{number}");
        stage.stripe.create_key(&new);
        stage.replace("stripe.key", &new);
        stage.wait_until_loaded("--stripe-secret-key-file", number).await;
        stage.load.wait_for_earlier_calls().await;
        stage.stripe.revoke_key(&old);
        old = new;
    }
}

/// The password of the role is changed, and then the file. Between both, new connections fail. Later ones are needed because
/// the open ones are closed, which a query on one of them may notice.
async fn password_rotated(stage: &Stage) {
    for number in 1..=stage.scaled(100) {
        let (password, begun) = (format!("secret-{number}"), Instant::now());
        stage.change_password(&password).await;
        stage.replace("password", &password);
        stage.close_connections().await;
        stage.explain_failures_since(begun);
        stage.wait_until_loaded("--database-password-file", number).await;
        stage.load.wait_for_earlier_calls().await;
    }
}

/// Writes the same into every file, and lets it last while new connections need the password.
async fn write_all(stage: &Stage, write: impl Fn(&str)) {
    let good = FILES.map(|(name, _)| std::fs::read_to_string(stage.path(name)).unwrap());
    for (name, _) in FILES {
        write(name);
    }
    for (_, setting) in FILES {
        let line = format!(r#""message":"file is not valid","setting":"{setting}""#);
        stage.serving.wait_for_lines(&line, 1).await;
    }
    stage.close_connections().await;
    stage.hold().await;
    for ((name, setting), good) in FILES.into_iter().zip(&good) {
        stage.replace(name, good);
        stage.wait_until_loaded(setting, 1).await;
    }
}

async fn broken(stage: &Stage) {
    write_all(stage, |name| std::fs::write(stage.path(name), b"\xff\xfe{").unwrap()).await;
}

async fn truncated(stage: &Stage) {
    write_all(stage, |name| std::fs::write(stage.path(name), "").unwrap()).await;
}

async fn deleted(stage: &Stage) {
    write_all(stage, |name| std::fs::remove_file(stage.path(name)).unwrap()).await;
}

/// Replaces the files every 100 ms, while the fault lasts.
async fn replace_all(stage: &Stage, replace: impl Fn(&str, usize)) {
    let changes = async {
        let mut ticks = interval(Duration::from_millis(100));
        for number in 0.. {
            ticks.tick().await;
            for (name, _) in FILES {
                replace(name, number);
            }
        }
    };
    tokio::select! {
        () = changes => {}
        () = stage.hold() => {}
    }
    stage.close_connections().await;
}

/// As Kubernetes updates a volume: the name leads to a file in another folder.
async fn swapped_by_symlink(stage: &Stage) {
    for version in ["even", "odd"] {
        std::fs::create_dir(stage.path(version)).unwrap();
        for (name, _) in FILES {
            // White space at the end makes the content another one.
            let text = std::fs::read_to_string(stage.path(name)).unwrap();
            std::fs::write(stage.path(version).join(name), if version == "odd" { text + "\n" } else { text }).unwrap();
        }
    }
    replace_all(stage, |name, number| {
        let new = stage.path("link");
        symlink(stage.path(["even", "odd"][number % 2]).join(name), &new).unwrap();
        std::fs::rename(new, stage.path(name)).unwrap();
    })
    .await;
}

async fn replaced(stage: &Stage) {
    let good = FILES.map(|(name, _)| (name, std::fs::read_to_string(stage.path(name)).unwrap()));
    replace_all(stage, |name, number| {
        let (_, text) = good.iter().find(|(other, _)| *other == name).unwrap();
        stage.replace(name, &format!("{text}{}", ["\n", ""][number % 2]));
    })
    .await;
}
