//! The documents agree with the code: reasons, metrics, alerts, links, and the code blocks of the guide for backends.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use billing_portal::{
    grpc::status::code_and_text,
    portal::{Fault, Reason},
    telemetry::metrics::NAMES,
};

use crate::{faults, load};

const CONTRACT: &str = include_str!("../../../docs/contract.md");
const INTEGRATE: &str = include_str!("../../../docs/integrate.md");
const OPERATE: &str = include_str!("../../../docs/operate.md");
const README: &str = include_str!("../../../README.md");
const PROTO: &str = include_str!("../../../proto/billing/portal/v1/billing_portal.proto");
const ALERTS: &str = include_str!("../../../helm/billing-portal/alerts.yaml");
const OBJECTIVES: &str = include_str!("../../../helm/billing-portal/objectives.yaml");

/// Returns the rows of the first table with this header, cell by cell, without backticks.
fn table(text: &str, header: &str) -> Vec<Vec<String>> {
    let (_, rest) = text.split_once(header).unwrap_or_else(|| panic!("no table {header}"));
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', "")).collect()).collect()
}

/// Every reason that a caller can receive. `CANCELLED` is never received: the caller has disconnected.
fn reasons() -> impl Iterator<Item = Reason> {
    Reason::ALL.iter().copied().filter(|reason| *reason != Reason::Cancelled)
}

/// The name of a code as the gRPC specification writes it.
fn code_name(reason: Reason) -> String {
    let code = format!("{:?}", code_and_text(reason).0);
    code.chars().enumerate().fold(String::new(), |mut name, (index, letter)| {
        if index > 0 && letter.is_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
        name
    })
}

#[test]
fn contract_documents_each_reason_once_with_its_code() {
    let mut documented = BTreeMap::new();
    for row in table(CONTRACT, "| code | reason | meaning |") {
        assert_eq!(documented.insert(row[1].clone(), row[0].clone()), None, "duplicate {}", row[1]);
    }
    let implemented: BTreeMap<_, _> = reasons().map(|reason| (reason.as_str().to_owned(), code_name(reason))).collect();
    assert_eq!(documented, implemented);
}

#[test]
fn proto_names_every_reason() {
    let comments: Vec<_> = PROTO.lines().filter(|line| line.trim_start().starts_with("//")).collect();
    let words: Vec<_> =
        comments.iter().flat_map(|line| line.split(|c: char| !(c.is_ascii_uppercase() || c == '_'))).collect();
    for reason in reasons() {
        assert!(words.contains(&reason.as_str()), "{reason:?}");
    }
}

#[test]
fn guide_for_backends_has_each_reason_once() {
    let mut documented: Vec<_> =
        table(INTEGRATE, "| reason | what happened |").into_iter().map(|row| row[0].clone()).collect();
    let mut expected: Vec<_> = reasons().map(|reason| reason.as_str().to_owned()).collect();
    documented.sort_unstable();
    expected.sort_unstable();
    assert_eq!(documented, expected);
}

#[test]
fn code_blocks_of_the_guide_for_backends_are_in_an_example() {
    let sources = [
        include_str!("../../../examples/bff-typescript/src/billing.ts"),
        include_str!("../../../examples/bff-typescript/src/connection.ts"),
        include_str!("../../../examples/bff-typescript/src/main.ts"),
        include_str!("../../../examples/bff-typescript/src/refusal.ts"),
        include_str!("../../../examples/bff-typescript/src/token.ts"),
        include_str!("../../../examples/bff/billing.rs"),
        include_str!("../../../examples/bff/connection.rs"),
        include_str!("../../../examples/bff/refusal.rs"),
        include_str!("../../../examples/clients/go/main.go"),
        include_str!("../../../examples/clients/python/client.py"),
        include_str!("../../../examples/clients/typescript/src/client.ts"),
    ];
    let blocks = INTEGRATE.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap());
    let blocks: Vec<_> = blocks
        .filter(|(language, _)| ["go", "python", "rust", "ts"].contains(language))
        .map(|(_, block)| block)
        .collect();
    assert_eq!(blocks.len(), 19);
    for block in blocks {
        assert!(sources.iter().any(|source| source.contains(block)), "no example contains:\n{block}");
    }
}

#[test]
fn guide_for_backends_has_the_names_of_generated_code() {
    let options =
        PROTO.lines().filter_map(|line| line.strip_prefix("option ")?.strip_suffix("\";")?.split_once(" = \""));
    let implemented: Vec<_> = options.map(|(name, value)| vec![name.to_owned(), value.replace(r"\\", r"\")]).collect();
    assert_eq!(table(INTEGRATE, "| option of the proto | value |"), implemented);
}

#[test]
fn runbook_documents_each_metric_once() {
    let mut documented: Vec<_> =
        table(OPERATE, "| metric | unit | meaning |").into_iter().map(|row| row[0].clone()).collect();
    let mut expected = NAMES.map(str::to_owned);
    documented.sort_unstable();
    expected.sort_unstable();
    assert_eq!(documented, expected);
}

#[test]
fn runbook_says_how_each_reason_counts_against_the_objectives() {
    let mut documented: Vec<_> =
        table(OPERATE, "| reason | `fault` | why |").into_iter().map(|row| [row[0].clone(), row[1].clone()]).collect();
    let fault = |reason: &Reason| reason.fault().map_or("the slowest", Fault::as_str).to_owned();
    let mut expected: Vec<_> = Reason::ALL.iter().map(|reason| [reason.as_str().to_owned(), fault(reason)]).collect();
    documented.sort_unstable();
    expected.sort_unstable();
    assert_eq!(documented, expected);
    let selected = OBJECTIVES.split("fault=\"").skip(1).filter_map(|rest| rest.split('"').next());
    assert_eq!(selected.collect::<BTreeSet<_>>(), [Fault::Service, Fault::Stripe].map(Fault::as_str).into());
}

#[test]
fn runbook_has_the_promise_under_each_fault() {
    let documented = table(OPERATE, "| fault | what callers see | lost calls | healthy again | command |");
    let rows = faults::all().map(|fault| {
        let command = format!("tests/faults {}", fault.name);
        let cells = [fault.title, &fault.promise(), fault.lost_calls(), &fault.recovery(), &command];
        cells.map(|cell| cell.replace('`', "")).to_vec()
    });
    assert_eq!(documented, rows.collect::<Vec<_>>());
}

#[test]
fn runbook_has_each_abuse() {
    let documented = table(OPERATE, "| each client | command |");
    let rows = load::abuses().map(|abuse| vec![abuse.title.to_owned(), format!("tests/load {}", abuse.name)]);
    assert_eq!(documented, rows.collect::<Vec<_>>());
}

#[test]
fn runbook_has_a_section_for_each_alert() {
    let alerts: Vec<_> = ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(!alerts.is_empty());
    let (_, section) = OPERATE.split_once("\n## Alerts\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let documented: Vec<_> = section.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(documented, alerts);
}

/// Every Markdown file of the repository that a person reads, by its path from the root.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["", "docs", "tests", "benches", "fuzz"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 10);
    found
}

/// The anchor that a heading gets when the document is rendered.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn relative_links_resolve() {
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { document.clone() } else { document.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link}", document.display());
            if !fragment.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let headings =
                    text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches(['#', ' ']));
                assert!(headings.map(anchor).any(|anchor| anchor == fragment), "{}: {link}", document.display());
            }
        }
    }
}

#[test]
fn readme_contract_and_guide_for_backends_stay_readable() {
    assert!(README.lines().count() <= 140);
    // A row of a table, and the address of a link, cannot be wrapped.
    let prose = INTEGRATE.lines().filter(|line| !line.trim_start().starts_with('|') && !line.contains("]: https://"));
    let long: Vec<_> = CONTRACT.lines().chain(prose).filter(|line| line.chars().count() > 120).collect();
    assert!(long.is_empty(), "longer than 120 characters: {long:#?}");
}
