//! The progress of a long command on standard error: a bar on a terminal, and otherwise a line every ten seconds.

use std::{
    io::{IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// The interval between lines if standard error is not a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// The progress of a command over all tenants.
#[derive(Debug)]
pub(super) enum Progress {
    Bar(ProgressBar),
    Lines { done: u64, total: u64, last_printed: Instant },
}

impl Progress {
    pub(super) fn begin(total: u64) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines { done: 0, total, last_printed: Instant::now() };
        }
        let bar = ProgressBar::new(total);
        let template = format!("{{wide_bar}} {{human_pos}} of {{human_len}} {}, {{eta}} left", tenants(total));
        // If the template were invalid, the library's default style would remain.
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    pub(super) fn advance(&mut self, count: usize) {
        let count = count as u64;
        match self {
            Self::Bar(bar) => bar.inc(count),
            Self::Lines { done, total, last_printed } => {
                *done += count;
                if last_printed.elapsed() >= LINE_INTERVAL {
                    *last_printed = Instant::now();
                    print_line(&format!("{done} of {total} {}", tenants(*total)));
                }
            }
        }
    }

    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// Returns the noun for a number of tenants.
#[must_use]
pub const fn tenants(count: u64) -> &'static str {
    if count == 1 { "tenant" } else { "tenants" }
}

/// Prints one line to standard error. An error is ignored: progress is not part of the report.
pub fn print_line(line: &str) {
    drop(writeln!(anstream::stderr(), "{line}"));
}
