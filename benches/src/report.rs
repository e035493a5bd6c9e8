//! The figures of all rounds, as a table of medians.

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use serde::Serialize;

use crate::{measure::Figures, situations::Situation};

/// All rounds of a situation.
#[derive(Debug, Serialize)]
pub struct Row {
    pub name: &'static str,
    pub base: Option<&'static str>,
    pub rounds: Vec<Figures>,
}

/// The rows of the table.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Rows(pub Vec<Row>);

/// The median of several rounds, with the lowest and the highest value.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    pub median: f64,
    pub lowest: f64,
    pub highest: f64,
}

impl Spread {
    /// Returns `None` without values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        let middle = [values.len().checked_sub(1)? / 2, values.len() / 2].map(|index| values[index]);
        let median = middle.iter().sum::<f64>() / 2.0;
        Some(Self { median, lowest: *values.first()?, highest: *values.last()? })
    }

    /// Formats with a number of decimals.
    pub fn show(self, decimals: usize) -> String {
        let Self { median, lowest, highest } = self;
        if lowest.total_cmp(&highest).is_eq() {
            return format!("{median:.decimals$}");
        }
        format!("{median:.decimals$} ({lowest:.decimals$} to {highest:.decimals$})")
    }
}

impl Row {
    pub fn new(situation: &Situation) -> Self {
        Self { name: situation.name, base: situation.base, rounds: Vec::new() }
    }

    /// Returns the spread of a figure.
    pub fn spread(&self, figure: impl Fn(&Figures) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.rounds.iter().filter_map(figure))
    }
}

impl Rows {
    /// Returns the spread of a value that is calculated from the figures of the same round in several situations; `None`
    /// if one of them was not measured. What slows the machine down for a while affects them alike.
    pub fn compare<const N: usize>(
        &self,
        names: [&str; N],
        value: impl Fn([&Figures; N]) -> Option<f64>,
    ) -> Option<Spread> {
        let rows: Vec<&Row> = names.iter().filter_map(|name| self.0.iter().find(|row| row.name == *name)).collect();
        let rows: [&Row; N] = rows.try_into().ok()?;
        let rounds = rows.iter().map(|row| row.rounds.len()).min()?;
        Spread::of((0..rounds).filter_map(|round| value(rows.map(|row| &row.rounds[round]))))
    }

    /// Returns a Markdown table of the medians.
    pub fn table(&self) -> String {
        let mut table = markdown([
            "situation",
            "calls/s",
            "CPU µs per call",
            "CPU ratio",
            "p50 ms",
            "p99 ms",
            "p99.9 ms",
            "MiB at rest",
            "KiB per call in flight",
            "start ms",
            "failed",
        ]);
        for row in &self.0 {
            let show = |decimals, figure: fn(&Figures) -> Option<f64>| {
                row.spread(figure).map_or_else(String::new, |spread| spread.show(decimals))
            };
            let median = |decimals: usize, figure: fn(&Figures) -> Option<f64>| {
                row.spread(figure).map_or_else(String::new, |spread| format!("{:.decimals$}", spread.median))
            };
            let ratio = row.base.and_then(|base| {
                let ratio =
                    self.compare([row.name, base], |[own, base]| Some(own.cpu_us_per_call / base.cpu_us_per_call))?;
                Some(format!("{:.2} × {base}", ratio.median))
            });
            table.add_row([
                row.name.to_owned(),
                show(0, |figures| Some(figures.measured.calls_per_second)),
                show(0, |figures| Some(figures.cpu_us_per_call)),
                ratio.unwrap_or_default(),
                median(1, |figures| Some(figures.measured.p50_ms)),
                show(1, |figures| Some(figures.measured.p99_ms)),
                median(1, |figures| Some(figures.measured.p999_ms)),
                median(1, |figures| figures.at_rest_mib),
                median(1, |figures| figures.kib_per_call_in_flight),
                median(1, |figures| figures.start_ms),
                row.rounds.iter().map(|figures| figures.measured.failed).sum::<u64>().to_string(),
            ]);
        }
        table.to_string()
    }

    /// Returns a line for each situation in which calls failed.
    pub fn failures(&self) -> Vec<String> {
        let of_row = |row: &Row| {
            let failure = row.rounds.iter().find_map(|figures| figures.measured.failure.clone())?;
            Some(format!("{}: {failure}", row.name))
        };
        self.0.iter().filter_map(of_row).collect()
    }
}

/// Returns an empty Markdown table. All columns but the first are aligned to the right.
pub fn markdown<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
