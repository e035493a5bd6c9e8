//! docs/settings.md is generated from the command line's definition. To update it:
//! `UPDATE_DOCS=1 cargo test --test suite settings_page`.

use std::{fmt::Write as _, path::Path};

use billing_portal::commands;
use clap::{Arg, Command};

const INTRODUCTION: &str = "# Settings

Generated from the command line's definition. Each setting has a variable; a flag takes precedence over its variable.
Durations are written as `500ms`, `5s` or `1h`. Secrets come from files only. If a setting is missing, wrong,
contradictory or unsafe, the process exits with code 64 and prints one line that names the setting
([settings and startup](contract.md#settings-and-startup)). `RUST_LOG` sets the log level; the `OTEL_*` variables
configure the [export of traces and metrics](operate.md#export-of-traces-and-metrics), and `HTTPS_PROXY`, `ALL_PROXY` and
`NO_PROXY` an [egress proxy](contract.md#egress-proxy). The settings of the second binary are in
[the backfill](contract.md#the-backfill).
";

fn row(argument: &Arg) -> String {
    let flag = format!("`--{}`", argument.get_long().unwrap());
    let variable = argument.get_env().map_or_else(String::new, |name| format!("`{}`", name.to_str().unwrap()));
    let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_str().unwrap()).collect();
    let default = match (argument.is_required_set(), defaults.as_slice()) {
        (true, _) => "**required**".to_owned(),
        (false, []) => String::new(),
        (false, ["false"]) if !argument.get_action().takes_values() => String::new(),
        (false, values) => format!("`{}`", values.join(",")),
    };
    let values: Vec<_> = argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    let values = match values.as_slice() {
        [] => String::new(),
        _ if !argument.get_action().takes_values() => String::new(),
        values => format!("; {}", values.join(", ")),
    };
    format!("| {flag} | {variable} | {default} | {}{values} |", argument.get_help().unwrap())
}

/// The arguments of a command with a long name, without `--help` and `--version`.
fn arguments(command: &Command) -> Vec<Arg> {
    let is_setting = |argument: &&Arg| argument.get_long().is_some_and(|name| !["help", "version"].contains(&name));
    command.get_arguments().filter(is_setting).cloned().collect()
}

fn section(page: &mut String, title: &str, rows: &[&Arg]) {
    writeln!(page, "\n## {title}\n\n| flag | variable | default | meaning |\n| --- | --- | --- | --- |").unwrap();
    for argument in rows {
        writeln!(page, "{}", row(argument)).unwrap();
    }
}

fn page() -> String {
    let command = commands::command();
    let shared = arguments(&command);
    let mut page = INTRODUCTION.to_owned();
    let mut headings: Vec<&str> = Vec::new();
    for heading in shared.iter().map(|argument| argument.get_help_heading().unwrap()) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        let rows: Vec<_> = shared.iter().filter(|argument| argument.get_help_heading() == Some(heading)).collect();
        section(&mut page, heading, &rows);
    }
    let is_shared = |argument: &Arg| shared.iter().any(|other| other.get_id() == argument.get_id());
    for command in command.get_subcommands() {
        let all = arguments(command);
        let own: Vec<_> = all.iter().filter(|argument| !is_shared(argument)).collect();
        if !own.is_empty() {
            section(&mut page, &format!("Only for `{}`", command.get_name()), &own);
        }
    }
    page
}

#[test]
fn settings_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/settings.md");
    let page = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/settings.md is out of date: UPDATE_DOCS=1 cargo test --test suite settings_page");
}

#[test]
fn required_settings_come_first_in_their_section() {
    for heading_and_arguments in
        arguments(&commands::command()).chunk_by(|one, other| one.get_help_heading() == other.get_help_heading())
    {
        let required: Vec<_> = heading_and_arguments.iter().map(Arg::is_required_set).collect();
        assert!(required.is_sorted_by(|one, other| one >= other), "{:?}", heading_and_arguments[0].get_help_heading());
    }
}

#[test]
fn range_of_each_setting_is_in_its_help() {
    let ranges = arguments(&commands::command()).into_iter().filter_map(|argument| {
        let value = match argument.get_value_names()?.first()?.as_str() {
            "COUNT" => "9999999999",
            "DURATION" => "9999days",
            _ => return None,
        };
        let flag = format!("--{}={value}", argument.get_long()?);
        Some((argument, flag))
    });
    let mut checked = 0;
    for (argument, flag) in ranges {
        let refused = commands::parse(["billing-portal", &flag]).unwrap_err();
        let commands::EarlyExit::Setting(error) = refused else { panic!("{flag}") };
        let error = error.to_string();
        let range = error.split_once(" from ").and_then(|(_, rest)| rest.split_once(';'));
        let (range, _) = range.unwrap_or_else(|| panic!("no range in: {error}"));
        let help = argument.get_help().unwrap().to_string();
        assert!(help.contains(&format!("from {range}")), "the help of {flag} does not contain the range {range:?}");
        checked += 1;
    }
    assert!(checked > 5, "{checked}");
}

#[test]
fn every_setting_has_the_variable_of_its_name() {
    let shared = arguments(&commands::command());
    assert!(shared.iter().all(|argument| argument.get_env().is_some()));
    for argument in shared {
        let name = argument.get_long().unwrap().to_uppercase().replace('-', "_");
        let expected = if name == "DATABASE_URL" { name } else { format!("BILLING_PORTAL_{name}") };
        assert_eq!(argument.get_env().unwrap(), expected.as_str());
    }
}
