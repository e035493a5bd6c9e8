//! How a command's rows are written: a table for people, JSON or CSV for programs.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// For people
    Table,
    /// One array
    Json,
    /// With a header
    Csv,
}

/// How a row is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    Ok,
    Warning,
    Failure,
}

/// One row of a report, a struct of texts.
pub(super) trait Row: Serialize {
    const HEADER: &'static [&'static str];

    fn cells(&self) -> Vec<&str>;

    fn severity(&self) -> Severity;
}

/// Writes all rows to standard output, coloured where that is a terminal.
///
/// # Errors
/// When standard output is gone.
pub(super) fn print<R: Row>(rows: &[R], format: ReportFormat) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match format {
        ReportFormat::Table => table(rows, &mut out)?,
        ReportFormat::Json => {
            serde_json::to_writer_pretty(&mut out, rows)?;
            writeln!(out)?;
        }
        ReportFormat::Csv => {
            let mut writer = csv::Writer::from_writer(&mut out);
            writer.write_record(R::HEADER)?;
            for row in rows {
                writer.write_record(row.cells())?;
            }
            writer.flush()?;
        }
    }
    out.flush()
}

fn table<R: Row>(rows: &[R], out: &mut impl Write) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut widths: Vec<usize> = R::HEADER.iter().map(|name| name.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row.cells()) {
            *width = (*width).max(printable(cell).chars().count());
        }
    }
    let bold = Style::new().bold();
    write_line(out, bold, &widths, &R::HEADER.iter().map(|name| name.to_uppercase()).collect::<Vec<_>>())?;
    for row in rows {
        let colour = match row.severity() {
            Severity::Ok => AnsiColor::Green,
            Severity::Warning => AnsiColor::Yellow,
            Severity::Failure => AnsiColor::Red,
        };
        let cells: Vec<_> = row.cells().into_iter().map(printable).collect();
        write_line(out, Style::new().fg_color(Some(colour.into())), &widths, &cells)?;
    }
    Ok(())
}

fn write_line(out: &mut impl Write, style: Style, widths: &[usize], cells: &[String]) -> io::Result<()> {
    let columns: Vec<_> = widths.iter().zip(cells).map(|(width, cell)| format!("{cell:width$}")).collect();
    writeln!(out, "{style}{}{style:#}", columns.join("  ").trim_end())
}

/// A database may hold anything, and a terminal obeys much of it.
fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
