//! Tests of what operators configure, run and read: settings, commands, signals, the audit log and telemetry.

mod alarms;
mod audit;
mod audit_mapping;
mod audit_output;
mod audit_verify;
mod check;
mod collector;
mod flag;
mod hangup;
mod log_lines;
mod messages;
mod metrics;
mod objectives;
mod outage;
mod process;
mod reconcile;
mod settings;
mod startup;
mod telemetry;
