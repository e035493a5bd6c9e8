//! The corpus itself: every case can be read, has a name of its own and a complete expectation, and none is skipped.

use std::{collections::HashSet, path::Path};

use stripe_simulator::Fault;

use super::{CLASSES, case::Case, class};

#[test]
fn every_file_is_driven() {
    let mut files: Vec<String> = std::fs::read_dir(class::folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    let mut classes: Vec<&str> = CLASSES.to_vec();
    classes.sort_unstable();
    assert_eq!(files, classes);
}

#[test]
fn every_example_is_a_case_and_every_case_is_complete() {
    let (mut names, mut driven, mut total_examples) = (HashSet::new(), 0, 0);
    for name in CLASSES {
        let class = class::read(name);
        let in_class: HashSet<&str> = class.cases.iter().map(|case| case["name"].as_str().unwrap()).collect();
        for example in &class.examples {
            assert!(in_class.contains(example.as_str()), "{name}: no case is named {example:?}");
        }
        total_examples += class.examples.len();
        let mut elsewhere = 0;
        for row in &class.cases {
            assert!(names.insert(row["name"].clone()), "{name}: two cases are named {}", row["name"]);
            for case in class.variants(row) {
                check(&case);
            }
            elsewhere += usize::from(row.contains_key("covered_by"));
        }
        driven += class.cases.len() - elsewhere;
        println!(
            "corpus {name}: {} cases, {} of them examples, {elsewhere} by other tests",
            class.cases.len(),
            class.examples.len()
        );
    }
    println!("corpus: {} cases, {total_examples} of them examples; {driven} driven by rows alone", names.len());
}

#[test]
fn every_fault_of_the_simulator_is_in_a_case() {
    let texts: String = CLASSES.iter().map(|name| class::text(name)).collect();
    for fault in Fault::ALL {
        let is_named = [" ", "\""].iter().any(|end| texts.contains(&format!("\"{fault}{end}")));
        assert!(is_named, "no case has the fault {fault}");
    }
}

fn check(case: &Case) {
    let expect = &case.expect;
    if let Some(test) = &case.covered_by {
        return assert!(exists(test), "{}: there is no test {test}", case.name);
    }
    if case.start.is_some() {
        return assert!(expect.starts != expect.message.is_some(), "{}: needs starts or a message", case.name);
    }
    assert!(expect.queries.is_some() && expect.stripe_requests.is_some(), "{}: needs both numbers", case.name);
    assert_eq!(expect.code.is_some() && !case.http2, expect.reason.is_some() && !case.http2, "{}", case.name);
    let is_call = expect.code.is_some() || case.http2;
    assert!(is_call || expect.http_status.is_some() || expect.reset, "{}: expects nothing", case.name);
}

/// Whether `file::name` is a test.
fn exists(test: &str) -> bool {
    let Some((file, name)) = test.rsplit_once("::") else { return false };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let before = text.split_once(&format!("fn {name}()")).map(|(before, _)| before);
    before.is_some_and(|before| before.lines().rev().take(3).any(|line| line.contains("test")))
}
