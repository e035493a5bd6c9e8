use std::time::SystemTime;

use tempfile::TempDir;

use super::*;

/// An entry of writer `aa`. `rest` is an intent, an outcome `OK`, or the reason of another outcome.
fn entry(number: u64, second: u64, id: &str, rest: &str) -> String {
    let members = match rest {
        "intent" => r#""event":"intent","customer":"cus_A""#.to_owned(),
        "OK" => outcome("OK", r#""customer":"cus_A","session":"bps_A","released":true"#),
        "AUDIT_UNAVAILABLE" => outcome(rest, r#""customer":"cus_A","session":"bps_A","released":false"#),
        "STRIPE_UNAVAILABLE" => outcome(rest, r#""customer":"cus_A","released":false"#),
        reason => outcome(reason, r#""released":false"#),
    };
    let time = humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + second));
    format!(r#"{{"writer":"00000000000000aa","sequence":{number},"time":"{time}","request_id":"{id}",{members}}}"#)
}

fn outcome(reason: &str, rest: &str) -> String {
    format!(r#""event":"outcome","duration_ms":1000,"reason":"{reason}",{rest}"#)
}

/// Removes what numbers an entry.
fn unnumbered(entry: &str) -> String {
    format!("{{{}", &entry[entry.find(r#""time""#).unwrap()..])
}

/// Two calls of six entries: a session, a refusal before the intent, and a refusal of Stripe.
fn entries() -> Vec<String> {
    [
        (1, 10, "a", "intent"),
        (2, 11, "a", "OK"),
        (3, 12, "b", "NOT_OWNER"),
        (4, 13, "c", "intent"),
        (5, 14, "c", "STRIPE_UNAVAILABLE"),
        (6, 15, "d", "NOT_OWNER"),
    ]
    .map(|(number, second, id, rest)| entry(number, second, id, rest))
    .into()
}

/// Verifies files, and returns their findings, each as `result severity FILE:LINE sequence`, and the summary.
fn findings(files: &[&[String]]) -> (Vec<String>, String) {
    let folder = TempDir::new().unwrap();
    let paths: Vec<_> = (0..files.len()).map(|file| folder.path().join(file.to_string())).collect();
    for (path, lines) in paths.iter().zip(files) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(path, text.replace("<no line break>\n", "")).unwrap();
    }
    let report = verify(paths.into_iter().map(AuditSource::File).collect()).unwrap();
    let rows = report.findings.iter().map(|finding| {
        let cells = finding.cells();
        let place = cells[2].rsplit('/').next().unwrap();
        [cells[0], cells[1], place, cells[5]].join(" ").trim_end().to_owned()
    });
    (rows.collect(), report.summary())
}

#[test]
fn complete_files_in_any_order_have_no_finding() {
    let entries = entries();
    let counts = "entries: 6, intents: 2, outcomes: 4, released: 1, without a number: 0, writers: 1";
    let expected =
        format!("{counts}, from 1970-01-12T13:46:50.000Z to 1970-01-12T13:46:55.000Z\nfailures: 0, warnings: 0");
    for files in [
        [&entries[..3], &entries[3..]],
        [&entries[4..], &entries[..4]],
        [&entries[1..], &entries[..1]],
        [
            &[entries[0].clone(), entries[2].clone(), entries[4].clone()],
            &[entries[1].clone(), entries[3].clone(), entries[5].clone()],
        ],
    ] {
        assert_eq!(findings(&files), (vec![], expected.clone()));
    }
    let unnumbered: Vec<_> = entries.iter().map(|entry| unnumbered(entry)).collect();
    assert_eq!(findings(&[&unnumbered[4..], &unnumbered[..4]]).0, Vec::<String>::new());
    assert!(
        findings(&[&unnumbered])
            .1
            .starts_with("entries: 6, intents: 2, outcomes: 4, released: 1, without a number: 6, writers: 0,")
    );
    assert_eq!(
        findings(&[&[]]).1,
        "entries: 0, intents: 0, outcomes: 0, released: 0, without a number: 0, writers: 0\nfailures: 0, warnings: 0"
    );
}

#[test]
fn each_problem_is_found_where_it_is() {
    let edit = |change: fn(&mut Vec<String>)| {
        let mut entries = entries();
        change(&mut entries);
        entries
    };
    let late = |number, second, id, rest| edit_time(&entries(), number, second, id, rest);
    let cases: Vec<(&str, Vec<String>, &[&str])> = vec![
        ("removed", edit(|lines| drop(lines.remove(2))), &["gap failure 0:3 3"]),
        ("several removed", edit(|lines| drop(lines.drain(2..5))), &["gap failure 0:3 3-5"]),
        ("first removed", edit(|lines| drop(lines.drain(..2))), &["gap warning 0:1 1-2"]),
        ("intent removed", edit(|lines| drop(lines.remove(0))), &["gap warning 0:1 1", "no_intent warning 0:1 2"]),
        (
            "outcome removed, and nothing is later than the longest call",
            edit(|lines| drop(lines.remove(1))),
            &["gap failure 0:2 2", "unresolved warning 0:1 1"],
        ),
        (
            "outcome removed, and the writer continued",
            edit(|lines| {
                lines.remove(1);
                lines.push(entry(7, 400, "e", "NOT_OWNER"));
            }),
            &["unresolved failure 0:1 1", "gap failure 0:2 2"],
        ),
        ("same line twice", edit(|lines| lines.insert(3, lines[2].clone())), &["duplicate failure 0:4"]),
        (
            "same number, other entry",
            edit(|lines| lines.insert(3, lines[2].replace("NOT_OWNER", "BUG"))),
            &["duplicate failure 0:4"],
        ),
        ("second outcome", edit(|lines| lines.push(entry(7, 16, "a", "CANCELLED"))), &["duplicate failure 0:7 7"]),
        (
            "second outcome of a call without an intent",
            edit(|lines| lines.push(entry(7, 16, "d", "NOT_OWNER"))),
            &["duplicate failure 0:7 7"],
        ),
        ("second intent", edit(|lines| lines.push(entry(7, 16, "a", "intent"))), &["duplicate failure 0:7 7"]),
        ("outcome that replaces OK", edit(|lines| lines.push(entry(7, 16, "a", "AUDIT_UNAVAILABLE"))), &[]),
        (
            "OK after its replacement",
            edit(|lines| {
                lines[1] = entry(2, 11, "a", "AUDIT_UNAVAILABLE");
                lines.push(entry(7, 16, "a", "OK"));
            }),
            &["duplicate failure 0:7 7"],
        ),
        ("no intent", edit(|lines| lines.push(entry(7, 16, "e", "OK"))), &["no_intent failure 0:7 7"]),
        ("refusal without an intent", edit(|lines| lines.push(entry(7, 16, "e", "STRIPE_UNAVAILABLE"))), &[]),
        ("torn", edit(|lines| lines[2].truncate(40)), &["torn failure 0:3", "gap failure 0:4 3"]),
        ("not an object", edit(|lines| lines.insert(2, "[]".to_owned())), &["torn failure 0:3"]),
        (
            "number without a writer",
            edit(|lines| lines.push(lines[5].replace(r#""writer":"00000000000000aa","#, ""))),
            &["torn failure 0:7"],
        ),
        ("number 0", edit(|lines| lines.push(entry(0, 16, "e", "NOT_OWNER"))), &["torn failure 0:7"]),
        ("too long", edit(|lines| lines.insert(2, " ".repeat(70_000))), &["torn failure 0:3"]),
        ("no end", edit(|lines| lines.push("{\"writer\":<no line break>".to_owned())), &["torn warning 0:7"]),
        ("no line break", edit(|lines| lines[5].push_str("<no line break>")), &["torn warning 0:6"]),
        ("earlier", late(3, 0, "b", "NOT_OWNER"), &["clock_jump failure 0:3 3"]),
        ("later", late(3, 100, "b", "NOT_OWNER"), &["clock_jump failure 0:3 3"]),
        ("intent earlier", late(4, 0, "c", "intent"), &["clock_jump failure 0:4 4"]),
        ("intent later", late(4, 100, "c", "intent"), &["clock_jump failure 0:4 4"]),
        ("within the tolerance", late(3, 8, "b", "NOT_OWNER"), &[]),
        ("clock set back", edit(|lines| lines.push(entry(7, 3, "e", "NOT_OWNER"))), &["clock_jump failure 0:7 7"]),
        (
            "outcome that is too late for its duration",
            edit(|lines| lines.extend([entry(7, 16, "e", "intent"), entry(8, 100, "e", "OK")])),
            &["clock_jump failure 0:8 8"],
        ),
    ];
    let wrong: Vec<_> = cases
        .into_iter()
        .map(|(name, lines, expected)| (name, findings(&[&lines]).0, expected))
        .filter(|(_, found, expected)| found != expected)
        .collect();
    assert!(wrong.is_empty(), "case, found, expected: {wrong:#?}");
}

/// Returns the entries with another time in one of them.
fn edit_time(entries: &[String], number: u64, second: u64, id: &str, rest: &str) -> Vec<String> {
    let changed = |(position, line): (usize, &String)| {
        if position + 1 == usize::try_from(number).unwrap() { entry(number, second, id, rest) } else { line.clone() }
    };
    entries.iter().enumerate().map(changed).collect()
}

#[test]
fn lines_that_two_files_have_in_common_are_one_warning() {
    let entries = entries();
    let (rows, summary) = findings(&[&entries[..4], &entries]);
    assert_eq!(rows, ["duplicate warning 1:1"]);
    assert!(summary.starts_with("entries: 6,") && summary.ends_with("\nfailures: 0, warnings: 1"), "{summary}");
    assert_eq!(findings(&[&entries, &entries, &entries]).0, ["duplicate warning 1:1", "duplicate warning 2:1"]);
    let mut other = entries.clone();
    other[1] = other[1].replace("bps_A", "bps_B");
    assert_eq!(findings(&[&entries, &other]).0, ["duplicate failure 1:2", "duplicate warning 1:1"]);
}

#[test]
fn writers_are_independent_and_a_replacement_of_ok_may_be_in_a_file_that_is_read_before() {
    let other = |line: &String| line.replace("0aa", "0bb").replace(r#"_id":""#, r#"_id":"other-"#);
    let both: Vec<_> = entries().iter().flat_map(|line| [line.clone(), other(line)]).collect();
    let (rows, summary) = findings(&[&both]);
    assert!(
        rows.is_empty() && summary.starts_with("entries: 12,") && summary.contains("writers: 2,"),
        "{rows:?} {summary}"
    );
    let replaced = [entry(7, 16, "a", "AUDIT_UNAVAILABLE")];
    let (rows, summary) = findings(&[&replaced, &entries()]);
    assert!(rows.is_empty() && summary.contains("released: 0,"), "{rows:?} {summary}");
}

#[test]
fn findings_beyond_the_first_thousand_of_a_kind_are_counted() {
    let (rows, summary) = findings(&[&vec!["x".to_owned(); 1_001]]);
    assert_eq!(rows.len(), 1_000);
    let expected = "\nfailures: 1001, warnings: 0; only the first 1,000 of each result are listed";
    assert!(summary.ends_with(expected), "{summary}");
}

#[test]
fn complete_calls_are_forgotten() {
    let mut calls = Calls::default();
    let mut report = Report::new(Vec::new());
    let mut parse = |line: &str| {
        let entry = Entry::parse(line.as_bytes()).unwrap();
        let (number, time) = (entry.number.unwrap().1, entry.time);
        let place = Place::default();
        calls.add(&entry, Seen { number, time, place }, &mut report);
        calls.len()
    };
    let mut most = 0;
    for call in 0..1_000 {
        let id = call.to_string();
        parse(&entry(2 * call + 1, 3 * call, &id, "intent"));
        most = most.max(parse(&entry(2 * call + 2, 3 * call + 1, &id, "OK")));
    }
    assert!(most < 60, "{most}");
    assert!(report.findings.is_empty());
}
