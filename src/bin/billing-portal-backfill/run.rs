//! The run over all tenants.

use std::process::ExitCode;

use billing_portal::{
    adapters::stripe::SecretKey,
    commands::{
        Failure,
        exposed::is_readable_by_everyone,
        progress::print_line,
        report,
        resume::{BackfillSettings, ResumeFile, RunSettings},
        signals::StopSignals,
        tenants::{DIRECTORY_TIMEOUT, MappedTenant, TenantsError, check_all},
    },
    config::SettingError,
    reload::file::ReloadingFile,
    wiring::open,
};
use tokio_util::sync::CancellationToken;

use crate::{
    cli::{Config, KEY, SERVICE_KEY},
    report::Results,
    stripe::Stripe,
    tenant::Backfill,
};

/// Backfills every tenant and prints the report. The first signal lets the tenants end that are in progress, and the report
/// is then that of a part; the second one ends the run.
pub(crate) async fn run(config: Config) -> Result<ExitCode, Failure> {
    let mut signals = StopSignals::receive()?;
    let stop = CancellationToken::new();
    let mut work = std::pin::pin!(backfill(&config, &stop));
    tokio::select! {
        code = &mut work => return Ok(code?),
        () = signals.next() => {}
    }
    print_line("stopping: waiting for the tenants in progress; a second signal ends the run immediately");
    stop.cancel();
    tokio::select! {
        code = &mut work => Ok(code?),
        () = signals.next() => Err(Failure::of("run ended early", "second signal")),
    }
}

async fn backfill(config: &Config, stop: &CancellationToken) -> Result<ExitCode, TenantsError> {
    let directory = open::directory(&config.directory, DIRECTORY_TIMEOUT, &mut Vec::new()).await?;
    let objects = open::stripe_objects(key(config).await?, &config.account, config.limits)?;
    let mut resume = ResumeFile::of_option(config.resume.as_deref(), &run_settings(config))?;
    let stripe = Stripe::new(objects, &config.account);
    let backfill = &Backfill { stripe, evidence: config.evidence.clone(), write: config.write };
    let mut results = Results::default();
    let check = |mapped: MappedTenant| async move { backfill.run(&mapped).await };
    let outcome = check_all(&directory, resume.as_mut(), stop, KEY, check, |row| results.record(row)).await;
    // What was written is reported even if Stripe refuses the key later.
    if outcome.is_ok() || results.has_rows() {
        print_line(&results.summary());
        report::print(results.sorted_rows(), config.format).map_err(TenantsError::Output)?;
    }
    outcome?;
    if stop.is_cancelled() {
        print_line("the run was stopped: the report may not have every tenant");
        return Ok(ExitCode::FAILURE);
    }
    resume.map_or(Ok(()), ResumeFile::remove).map_err(TenantsError::CompletedResume)?;
    Ok(if results.has_problems() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Reads the key. The service's key is refused, also if it is written to the file later.
async fn key(config: &Config) -> Result<ReloadingFile<SecretKey>, SettingError> {
    let mode = config.account.mode;
    let service = match &config.service_key_file {
        Some(path) => Some(open::stripe_key(SERVICE_KEY, path, move |bytes| SecretKey::parse(bytes, mode)).await?),
        None => None,
    };
    let parse = move |bytes: &[u8]| {
        let key = SecretKey::parse(bytes, mode).map_err(|error| error.to_string())?;
        if service.as_ref().and_then(ReloadingFile::get).is_some_and(|service| *service == key) {
            return Err(format!("key is also that of {SERVICE_KEY}; create a key of its own for the backfill"));
        }
        Ok(key)
    };
    let key = open::stripe_key(KEY, &config.key_file, parse).await?;
    if key.get().is_some_and(|key| !key.is_restricted()) {
        let fix = "use a restricted key, which cannot do more than the backfill needs";
        tracing::warn!(setting = KEY, fix, "secret key may do everything in the account");
    }
    if is_readable_by_everyone(&config.key_file).unwrap_or(false) {
        let path = config.key_file.display();
        tracing::warn!(setting = KEY, %path, "everyone on the machine can read the file");
    }
    Ok(key)
}

fn run_settings(config: &Config) -> RunSettings {
    RunSettings {
        stripe_api_base: config.account.api_base.to_string(),
        stripe_mode: config.account.mode.as_str().to_owned(),
        tenant_metadata_key: config.account.tenant_metadata_key.clone(),
        backfill: Some(BackfillSettings {
            write: config.write,
            evidence: config.evidence.iter().map(ToString::to_string).collect(),
        }),
    }
}
