//! The accepted numbers of instructions, and the comparison with them.

use std::{collections::BTreeMap, fmt::Write as _};

/// How much more than accepted is too much, in percent. The count of the same code differs by less than 0.1 %.
const LIMIT_PERCENT: f64 = 5.0;

/// Instructions per repetition, by subject.
type Counts = BTreeMap<String, u64>;

/// Counts, the compiler of the code that was counted, and the processor that it was compiled for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Baseline {
    pub(crate) compiler: String,
    pub(crate) counts: Counts,
}

/// The result of a comparison.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// One row per subject, and what to do.
    pub(crate) report: String,
    pub(crate) failed: bool,
}

impl Baseline {
    /// Parses what [`Self::to_text`] returns. Returns `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let compiler = lines.next()?.strip_prefix("compiler ")?.to_owned();
        let count = |line: &str| {
            let (subject, count) = line.split_once(' ')?;
            Some((subject.to_owned(), count.trim().parse().ok()?))
        };
        Some(Self { compiler, counts: lines.map(count).collect::<Option<_>>()? })
    }

    /// The file's content.
    pub(crate) fn to_text(&self) -> String {
        let mut text = "# Instructions per repetition. Written by `benches/micro/instructions --accept`.\n".to_owned();
        let _ = writeln!(text, "compiler {}", self.compiler);
        for (subject, count) in &self.counts {
            let _ = writeln!(text, "{subject:<16} {count:>8}");
        }
        text
    }

    /// Compares new counts with this baseline. It fails for a subject that needs more than 5 % more instructions, and for one that
    /// only one side has. With another compiler, the difference may be the compiler's, so that it is only reported.
    pub(crate) fn compare(&self, counted: &Self) -> Comparison {
        let mut report = format!("{:<16} {:>10} {:>10} {:>8}\n", "subject", "accepted", "now", "change");
        let mut failed = Vec::new();
        let mut subjects: Vec<_> = self.counts.keys().chain(counted.counts.keys()).collect();
        subjects.sort();
        subjects.dedup();
        for subject in subjects {
            let (accepted, now) = (self.counts.get(subject), counted.counts.get(subject));
            let change = accepted.zip(now).map(|(accepted, now)| percent(*accepted, *now));
            let is_failure = change.is_none_or(|change| change > LIMIT_PERCENT);
            let number = |count: Option<&u64>| count.map_or("-".to_owned(), u64::to_string);
            let change = change.map_or("-".to_owned(), |change| format!("{change:+.1} %"));
            let _ = write!(report, "{subject:<16} {:>10} {:>10} {change:>8}", number(accepted), number(now));
            report.push_str(if is_failure { "  <- too much\n" } else { "\n" });
            if is_failure {
                failed.push(subject.as_str());
            }
        }
        let is_comparable = self.compiler == counted.compiler;
        if !is_comparable {
            let (accepted, now) = (&self.compiler, &counted.compiler);
            let _ = writeln!(report, "Not compared: the baseline was counted with {accepted}, and this is {now}.");
        } else if !failed.is_empty() {
            let _ = writeln!(
                report,
                "More than {LIMIT_PERCENT} % above the baseline, or not in it: {}.",
                failed.join(", ")
            );
            report.push_str("If the cost is justified, accept it with `benches/micro/instructions --accept`, and say why in the commit.\n");
        }
        Comparison { report, failed: is_comparable && !failed.is_empty() }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn percent(accepted: u64, now: u64) -> f64 {
    (now as f64 / accepted as f64 - 1.0) * 100.0
}
