//! How each contender is started.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    collector::Collector,
    situations::{Disk, Server, Situation},
    stage::{ISSUER, ORIGIN, Stage},
};

/// The least milliseconds between two exports. The defaults, 60 s and 5 s, are longer than a measurement.
const EXPORT_INTERVAL: &str = "1000";

/// Returns the command that starts the server of a situation.
///
/// # Errors
/// If something that it needs cannot be created.
pub async fn command(
    situation: &Situation,
    stage: &mut Stage,
    stripe: &str,
    collector: Option<&Collector>,
) -> Result<Command> {
    let database = stage.directory(situation.directory).await?;
    let file = |name: &str| stage.path(name).display().to_string();
    let audit = if situation.disk == Disk::None { "/dev/null".to_owned() } else { file("audit.jsonl") };
    let floor = |arguments: &[(&str, &str)]| {
        let mut command = program("floor")?;
        command.args(arguments.iter().map(|(name, value)| format!("--{name}={value}")));
        anyhow::Ok(command)
    };
    let jwks = file("jwks.json");
    let file_of_database = database.strip_prefix("sqlite:").unwrap_or_default();
    let mut command = match situation.server {
        Server::Echo => floor(&[])?,
        Server::EchoAndVerification => floor(&[("jwks", &jwks)])?,
        Server::SessionFloor => {
            floor(&[("jwks", &jwks), ("directory", file_of_database), ("stripe", stripe), ("audit", &audit)])?
        }
        Server::BareClient => unreachable!("it serves nothing"),
        Server::Service => {
            let mut command = program("billing-portal")?;
            command.arg("--caller-identity=none").args(
                [
                    ("listen", "127.0.0.1:0"),
                    ("principal-jwks", &jwks),
                    ("principal-issuer", ISSUER),
                    ("return-url-origins", ORIGIN),
                    ("database-url", &database),
                    ("flags-file", &file("flags.json")),
                    ("stripe-secret-key-file", &file("stripe.key")),
                    ("stripe-mode", "test"),
                    ("stripe-api-base", stripe),
                    ("audit", &format!("file:{audit}")),
                    // The limits would otherwise be what is measured.
                    ("session-rate", "10000"),
                    ("stripe-rate", "10000"),
                    ("max-in-flight", "6000"),
                ]
                .map(|(name, value)| format!("--{name}={value}")),
            );
            command
        }
        Server::Peer(name) => {
            let mut command = Command::new(format!("benches/peers/{name}/run"));
            command.envs([
                ("LISTEN", "127.0.0.1:0"),
                ("PRINCIPAL_JWKS", &jwks),
                ("PRINCIPAL_ISSUER", ISSUER),
                ("PRINCIPAL_AUDIENCE", "billing-portal"),
                ("RETURN_URL_ORIGINS", ORIGIN),
                ("DATABASE_FILE", file_of_database),
                ("FLAGS_FILE", &file("flags.json")),
                ("STRIPE_SECRET_KEY_FILE", &file("stripe.key")),
                ("STRIPE_MODE", "test"),
                ("STRIPE_API_BASE", stripe),
                ("STRIPE_SESSION_HOSTS", "billing.stripe.com"),
                ("AUDIT_FILE", &audit),
            ]);
            command
        }
    };
    if situation.disk == Disk::Slow {
        command.env("LD_PRELOAD", stage.slow_disk()?);
    }
    if let Some(collector) = collector {
        command.envs([
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.address).as_str()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.01"),
            ("OTEL_BSP_SCHEDULE_DELAY", EXPORT_INTERVAL),
            ("OTEL_METRIC_EXPORT_INTERVAL", EXPORT_INTERVAL),
        ]);
    }
    Ok(command)
}

/// Returns the folder with this program, in which the others were built as well.
///
/// # Errors
/// If the system does not say where this program is.
pub fn programs() -> Result<PathBuf> {
    Ok(std::env::current_exe()?.parent().context("no folder")?.to_owned())
}

/// Returns a program, without the variables of the user's environment.
///
/// # Errors
/// If it was not built.
pub fn program(name: &str) -> Result<Command> {
    let path = programs()?.join(name);
    anyhow::ensure!(path.exists(), "{} is missing: run benches/run", path.display());
    let mut command = Command::new(path);
    command.env_clear();
    Ok(command)
}

/// Returns whether a situation can be measured in this checkout.
pub fn is_available(server: Server) -> bool {
    !matches!(server, Server::Peer(name) if !Path::new(&format!("benches/peers/{name}/run")).exists())
}
