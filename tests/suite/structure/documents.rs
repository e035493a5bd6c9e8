//! What is documented is what is built: the reasons with their codes, and every setting.

use std::collections::BTreeMap;

use billing_portal::{commands, grpc::status::code_and_text, portal::Reason};
use clap::Arg;

const CONTRACT: &str = include_str!("../../../docs/contract.md");
const GUIDE: &str = include_str!("../../../docs/bff.md");
const README: &str = include_str!("../../../README.md");
const PROTO: &str = include_str!("../../../proto/billing/portal/v1/billing_portal.proto");

/// The rows of the first table whose header is as given, cell by cell.
fn table<'a>(text: &'a str, header: &str) -> Vec<Vec<&'a str>> {
    let (_, rest) = text.split_once(header).unwrap_or_else(|| panic!("no table {header}"));
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// The words in capitals of a cell, as reasons are written.
fn reasons(cell: &str) -> impl Iterator<Item = String> {
    cell.split(|c: char| !(c.is_ascii_uppercase() || c == '_')).filter(|word| word.len() > 2).map(str::to_owned)
}

#[test]
fn every_reason_has_the_code_that_the_contract_documents() {
    let mut documented = BTreeMap::new();
    for row in table(CONTRACT, "| code | reasons |") {
        for reason in reasons(row[1]) {
            assert_eq!(documented.insert(reason.clone(), row[0].to_owned()), None, "{reason} stands twice");
        }
    }
    let built: BTreeMap<_, _> = Reason::ALL
        .iter()
        // Nobody is told this one; it stands in the audit only.
        .filter(|reason| **reason != Reason::Cancelled)
        .map(|reason| {
            let code = format!("{:?}", code_and_text(*reason).0);
            let parted = code.chars().enumerate().fold(String::new(), |mut name, (at, letter)| {
                if at > 0 && letter.is_uppercase() {
                    name.push('_');
                }
                name.push(letter.to_ascii_uppercase());
                name
            });
            (reason.as_str().to_owned(), parted)
        })
        .collect();
    assert_eq!(documented, built);
}

#[test]
fn the_proto_names_every_reason() {
    let named: Vec<_> = PROTO.lines().filter(|line| line.trim_start().starts_with("//")).flat_map(reasons).collect();
    for reason in Reason::ALL.iter().filter(|reason| **reason != Reason::Cancelled) {
        assert!(named.contains(&reason.as_str().to_owned()), "{reason:?}");
    }
}

/// A row of the README's table, from what `--help` and the variables are made of.
fn row(argument: &Arg) -> String {
    let name = format!("`--{}`", argument.get_long().unwrap());
    let variable = argument.get_env().map_or_else(String::new, |name| format!("`{}`", name.to_str().unwrap()));
    let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_str().unwrap()).collect();
    let default = match (argument.is_required_set(), defaults.as_slice()) {
        (true, _) => "**required**".to_owned(),
        (false, []) => String::new(),
        (false, values) => format!("`{}`", values.join(",")),
    };
    let choices: Vec<_> =
        argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    let choices = if choices.is_empty() || !argument.get_action().takes_values() {
        String::new()
    } else {
        format!("; {}", choices.join(", "))
    };
    format!("| {name} | {variable} | {default} | {}{choices} |", argument.get_help().unwrap())
}

#[test]
fn the_readme_has_every_setting() {
    let command = commands::command();
    let arguments = command.get_arguments().filter(|argument| !argument.is_positional() && argument.get_id() != "help");
    let rows: Vec<_> = arguments.map(row).collect();
    let (_, table) = README.split_once("| flag | variable | default | meaning |\n| --- | --- | --- | --- |\n").unwrap();
    let found: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert!(found == rows, "the README's table of settings is to be:\n{}", rows.join("\n"));
}

#[test]
fn every_setting_has_the_variable_of_its_name() {
    for argument in commands::command().get_arguments().filter(|argument| argument.get_env().is_some()) {
        let name = argument.get_long().unwrap().to_uppercase().replace('-', "_");
        let expected = if name == "DATABASE_URL" { name } else { format!("BILLING_PORTAL_{name}") };
        assert_eq!(argument.get_env().unwrap(), expected.as_str());
    }
}

#[test]
fn the_guide_for_callers_says_what_to_do_for_every_reason_once() {
    let told: Vec<_> =
        table(GUIDE, "| reason | what happened |").iter().flat_map(|row| reasons(row[0]).collect::<Vec<_>>()).collect();
    for reason in Reason::ALL.iter().filter(|reason| **reason != Reason::Cancelled) {
        assert_eq!(told.iter().filter(|told| *told == reason.as_str()).count(), 1, "{reason:?}");
    }
    assert_eq!(told.len(), Reason::ALL.len() - 1, "a reason that there isn't");
}

#[test]
fn every_line_that_the_guide_for_callers_shows_stands_in_an_example() {
    let sources = [
        include_str!("../../../examples/bff-typescript/src/billing.ts"),
        include_str!("../../../examples/bff-typescript/src/main.ts"),
        include_str!("../../../examples/bff-typescript/src/token.ts"),
        include_str!("../../../examples/bff/billing.rs"),
    ];
    let shown: Vec<_> = GUIDE.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap().1).collect();
    assert_eq!(shown.len(), 4);
    for block in shown {
        assert!(sources.iter().any(|source| source.contains(block)), "no example has:\n{block}");
    }
}
