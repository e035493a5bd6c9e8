//! How far a long command is: a bar on a terminal, a line now and then elsewhere, always on standard error.

use std::{
    io::{IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a line is written where no bar can be drawn.
const PAUSE: Duration = Duration::from_secs(10);

pub(super) enum Progress {
    Bar(ProgressBar),
    Lines { done: usize, of: usize, told: Instant },
}

impl Progress {
    pub(super) fn begin(of: usize) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines { done: 0, of, told: Instant::now() };
        }
        let bar = ProgressBar::new(of as u64);
        // A template that does not parse leaves the library's own.
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {human_pos} of {human_len} tenants, {eta} left") {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    pub(super) fn step(&mut self) {
        match self {
            Self::Bar(bar) => bar.inc(1),
            Self::Lines { done, of, told } => {
                *done += 1;
                if told.elapsed() >= PAUSE {
                    *told = Instant::now();
                    print_line(&format!("{done} of {of} tenants"));
                }
            }
        }
    }

    pub(super) fn end(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// One line on standard error; where nobody listens, nothing is lost.
pub(super) fn print_line(line: &str) {
    drop(writeln!(anstream::stderr(), "{line}"));
}
