//! The report of a command: a table for people, JSON or CSV for programs.

use std::{
    io::{self, Write},
    iter,
};

use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};
use serde::Serialize;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// Table for people
    Table,
    /// One JSON array
    Json,
    /// CSV with a header row
    Csv,
}

/// The severity of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing to do.
    Ok,
    /// Worth a look.
    Warning,
    /// Must be fixed.
    Failure,
}

impl Severity {
    fn style(self) -> Style {
        let color = match self {
            Self::Ok => AnsiColor::Green,
            Self::Warning => AnsiColor::Yellow,
            Self::Failure => AnsiColor::Red,
        };
        Style::new().fg_color(Some(color.into()))
    }
}

/// One row of a report. It serializes as a struct of strings.
pub trait Row: Serialize {
    /// The names of the columns.
    const HEADER: &'static [&'static str];

    /// The cells, one for each column.
    fn cells(&self) -> Vec<&str>;

    /// The severity, which is the color in a table.
    fn severity(&self) -> Severity;
}

/// Writes all rows to standard output, with colors if that is a terminal.
///
/// # Errors
/// If writing to standard output fails.
pub fn print<R: Row>(rows: &[R], format: ReportFormat) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match format {
        ReportFormat::Table => write_table(R::HEADER, &cells(rows), &mut out)?,
        ReportFormat::Json => {
            serde_json::to_writer_pretty(&mut out, rows)?;
            writeln!(out)?;
        }
        ReportFormat::Csv => write_csv(R::HEADER, &cells(rows), &mut out)?,
    }
    out.flush()
}

/// The cells of a row, and its severity.
type Cells<'a> = (Vec<&'a str>, Severity);

fn cells<R: Row>(rows: &[R]) -> Vec<Cells<'_>> {
    rows.iter().map(|row| (row.cells(), row.severity())).collect()
}

fn write_csv(header: &[&str], rows: &[Cells<'_>], out: &mut impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(header)?;
    for (cells, _) in rows {
        writer.write_record(cells)?;
    }
    writer.flush()
}

fn write_table(header: &[&str], rows: &[Cells<'_>], out: &mut impl Write) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().map(|name| name.to_uppercase()));
    table.add_rows(rows.iter().map(|(cells, _)| cells.iter().map(|cell| printable(cell)).collect::<Vec<_>>()));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let styles = iter::once(Style::new().bold()).chain(rows.iter().map(|(_, severity)| severity.style()));
    for (line, style) in table.lines().zip(styles) {
        writeln!(out, "{style}{}{style:#}", line.trim_end())?;
    }
    Ok(())
}

/// The longest cell of a table, in characters. The library would wrap a longer cell. JSON and CSV contain the whole value.
const MAX_CELL_CHARACTERS: usize = 1_000;

/// Escapes control characters, which a value in the database can contain and a terminal would interpret, and shortens long
/// values.
fn printable(text: &str) -> String {
    let escaped = text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] });
    let mut cell: String = escaped.take(MAX_CELL_CHARACTERS + 1).collect();
    if let Some((end, _)) = cell.char_indices().nth(MAX_CELL_CHARACTERS) {
        cell.truncate(end);
        cell.push('…');
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Pair(&'static str, &'static str);

    impl Row for Pair {
        const HEADER: &'static [&'static str] = &["name", "detail"];

        fn cells(&self) -> Vec<&str> {
            vec![self.0, self.1]
        }

        fn severity(&self) -> Severity {
            Severity::Ok
        }
    }

    #[test]
    fn table_aligns_columns_without_wrapping_and_escapes_control_characters() {
        let long: &str = "a detail that is longer than a terminal is wide ".repeat(6).leak().trim_end();
        let mut out = anstream::StripStream::new(Vec::new());
        let rows = [Pair("directory", "reached"), Pair("\u{1b}[31m\n", ""), Pair("flag", long)];
        write_table(Pair::HEADER, &cells(&rows), &mut out).unwrap();
        let table = String::from_utf8(out.into_inner()).unwrap();
        let lines: Vec<_> = table.lines().collect();
        let last = format!("flag          {long}");
        assert_eq!(lines, ["NAME          DETAIL", "directory     reached", "\\u{1b}[31m\\n", &last]);
    }
}
