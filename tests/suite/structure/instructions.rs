//! The check of `benches/micro/instructions` fails when it must.

#[path = "../../../benches/micro/baseline.rs"]
mod baseline;

use baseline::{Baseline, Comparison};

const ACCEPTED: &str = include_str!("../../../benches/micro/baseline/dev.txt");

fn accepted() -> Baseline {
    Baseline::parse(ACCEPTED).unwrap()
}

/// Compares the baseline with the same counts after a change.
fn after(change: impl FnOnce(&mut Baseline)) -> Comparison {
    let mut counted = accepted();
    change(&mut counted);
    accepted().compare(&counted)
}

/// Changes the count of the token by a number per mille.
fn change_token(counted: &mut Baseline, per_mille: u64) {
    let token = counted.counts.get_mut("token").unwrap();
    *token = *token * per_mille / 1_000;
}

#[test]
fn baseline_is_written_as_it_is_read() {
    assert_eq!(accepted().to_text(), ACCEPTED);
    for malformed in ["", "token 1\n", "compiler rustc\ntoken one\n"] {
        assert_eq!(Baseline::parse(malformed), None, "{malformed:?}");
    }
}

#[test]
fn more_than_five_percent_more_instructions_fail() {
    assert!(!after(|_| {}).failed);
    assert!(!after(|counted| change_token(counted, 1_049)).failed);
    assert!(!after(|counted| change_token(counted, 500)).failed);
    let comparison = after(|counted| change_token(counted, 1_060));
    assert!(comparison.failed);
    for expected in ["+6.0 %  <- too much", "not in it: token.", "instructions --accept"] {
        assert!(comparison.report.contains(expected), "{}", comparison.report);
    }
}

#[test]
fn subject_without_a_counterpart_fails() {
    assert!(after(|counted| counted.counts.retain(|subject, _| subject != "token")).failed);
    assert!(after(|counted| counted.counts.extend([("new".to_owned(), 1)])).failed);
}

#[test]
fn counts_of_another_compiler_are_reported_only() {
    let comparison = after(|counted| {
        change_token(counted, 2_000);
        counted.compiler = "rustc 9.9.9".to_owned();
    });
    assert!(!comparison.failed);
    assert!(comparison.report.contains("+100.0 %"), "{}", comparison.report);
    assert!(comparison.report.contains("Not compared: the baseline was counted with"), "{}", comparison.report);
}
