//! A bar chart of the CPU time of a call, as SVG.

use std::fmt::Write as _;

use crate::report::Rows;

const ROW: usize = 22;
const LABELS: f64 = 270.0;
const BARS: f64 = 420.0;

/// Returns the chart. A thin line spans the lowest and the highest round.
pub fn svg(rows: &Rows) -> String {
    let rows: Vec<_> = rows
        .0
        .iter()
        .filter_map(|row| Some((row.name, row.spread(|figures| Some(figures.cpu_us_per_call))?)))
        .collect();
    let highest = rows.iter().map(|(_, cpu)| cpu.highest).fold(1.0, f64::max);
    let scale = |value: f64| value / highest * BARS;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#fff"/>
<text x="{LABELS}" y="16" font-weight="bold">CPU µs per call; the line is from the lowest to the highest round</text>
"##,
        height = (rows.len() + 2) * ROW
    );
    for (index, (name, cpu)) in rows.iter().enumerate() {
        let y = (index + 1) * ROW;
        let middle = y + ROW / 2;
        let [low, median, high] = [cpu.lowest, cpu.median, cpu.highest].map(scale);
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            r##"<text x="{label}" y="{base}" text-anchor="end">{name}</text>
<rect x="{LABELS}" y="{top}" width="{median:.1}" height="{bar}" fill="#4c78a8"/>
<path d="M{from:.1} {middle}H{to:.1}" stroke="#1b2a3a"/>
<text x="{after:.1}" y="{base}">{value:.0}</text>"##,
            label = LABELS - 8.0,
            base = middle + 5,
            top = y + 3,
            bar = ROW - 6,
            from = LABELS + low,
            to = LABELS + high,
            after = LABELS + high + 6.0,
            value = cpu.median,
        );
    }
    svg + "</svg>\n"
}
