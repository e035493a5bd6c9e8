//! Plots over time, as SVG. They have a background of their own, so that they are legible on a page with any.

use std::{
    ops::Range,
    path::Path,
    time::{Duration, Instant},
};

use plotters::{
    coord::{
        Shift,
        ranged1d::{AsRangedCoord, ValueFormatter},
    },
    prelude::*,
};

use super::{
    overload::Overload,
    soak::Soak,
    stage::Sample,
    traffic::{Call, latencies},
};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const WIDTH: u32 = 900;
const HEIGHT: u32 = 300;

const ACCEPTED: RGBColor = RGBColor(31, 119, 180);
const REFUSED: RGBColor = RGBColor(214, 96, 18);
const MEMORY: RGBColor = RGBColor(44, 130, 60);

/// A line of a chart: the values at times in seconds.
struct Line {
    name: &'static str,
    color: RGBColor,
    points: Vec<(f64, f64)>,
}

/// What a chart shows besides its lines.
struct Frame {
    title: String,
    value: &'static str,
    time: &'static str,
    times: Range<f64>,
    /// A moment that the chart marks, and what begins then.
    mark: Option<(f64, &'static str)>,
    /// Where no line is.
    legend: SeriesLabelPosition,
}

/// Draws docs/load.svg: calls per second, latency, and memory.
pub(super) fn overload(overload: &Overload) {
    let calls: Vec<_> = [&overload.unloaded.calls[..], &overload.loaded.calls].concat();
    let seconds = Seconds::of(overload.began, &calls);
    let times = 0.0..seconds.0.len() as f64;
    let mark = Some(((overload.overloaded - overload.began).as_secs_f64(), "ten times the capacity begins"));
    let frame = |title: &str, value, legend| {
        let (title, times) = (title.to_owned(), times.clone());
        Frame { title, value, time: "seconds", times, mark, legend }
    };
    let p99 = |calls: &[&Call]| (!calls.is_empty()).then(|| latencies(calls.iter().copied()).p99().as_secs_f64() * 1e3);
    let count = |calls: &[&Call]| Some(calls.len() as f64);
    draw("docs/load.svg", 3, |areas| {
        let lines = [
            Line { name: "refused", color: REFUSED, points: seconds.values(false, count) },
            Line { name: "accepted", color: ACCEPTED, points: seconds.values(true, count) },
        ];
        let title = format!("Calls per second; the capacity is {}", overload.capacity());
        chart(
            &areas[0],
            &frame(&title, "calls/s", SeriesLabelPosition::MiddleRight),
            0.0..1.1 * highest(&lines),
            lines,
        );
        let lines = [
            Line { name: "accepted", color: ACCEPTED, points: seconds.values(true, p99) },
            Line { name: "refused", color: REFUSED, points: seconds.values(false, p99) },
        ];
        // The lowest decades are the place of the legend.
        let range = (0.01..1_000.0).log_scale();
        chart(
            &areas[1],
            &frame("Latency that 99 % of the calls of a second do not exceed", "ms", SeriesLabelPosition::LowerRight),
            range,
            lines,
        );
        let lines = [memory(overload.began, &overload.samples, 1.0)];
        chart(&areas[2], &frame("Memory", "MiB", SeriesLabelPosition::UpperRight), 0.0..2.0 * highest(&lines), lines);
    });
}

/// Draws docs/soak.svg: memory, descriptors and threads.
pub(super) fn soak(soak: &Soak) {
    const MINUTE: f64 = 60.0;
    let lasted = soak.samples.last().unwrap().at - soak.began;
    let frame = |title: &str, value| {
        let (title, times, legend) =
            (title.to_owned(), 0.0..lasted.as_secs_f64() / MINUTE, SeriesLabelPosition::UpperRight);
        Frame { title, value, time: "minutes", times, mark: None, legend }
    };
    let line = |name, color, value: fn(&Sample) -> usize| {
        let point = |sample: &Sample| ((sample.at - soak.began).as_secs_f64() / MINUTE, value(sample) as f64);
        Line { name, color, points: soak.samples.iter().map(point).collect() }
    };
    draw("docs/soak.svg", 2, |areas| {
        let lines = [memory(soak.began, &soak.samples, MINUTE)];
        chart(&areas[0], &frame("Memory", "MiB"), 0.0..2.0 * highest(&lines), lines);
        let lines = [
            line("open files", ACCEPTED, |sample| sample.resources.descriptors),
            line("threads", REFUSED, |sample| sample.resources.threads),
        ];
        chart(&areas[1], &frame("Open files and threads", "count"), 0.0..2.0 * highest(&lines), lines);
    });
}

/// The calls that were answered in each second.
struct Seconds<'a>(Vec<Vec<&'a Call>>);

impl<'a> Seconds<'a> {
    fn of(began: Instant, calls: &'a [Call]) -> Self {
        let second = |call: &Call| usize::try_from((call.ended - began).as_secs()).unwrap();
        let mut seconds = vec![Vec::new(); calls.iter().map(second).max().unwrap() + 1];
        for call in calls {
            seconds[second(call)].push(call);
        }
        // The last one is not a whole second.
        seconds.pop();
        Self(seconds)
    }

    /// Returns a value of the accepted or the refused calls of each second.
    fn values(&self, accepted: bool, value: impl Fn(&[&Call]) -> Option<f64>) -> Vec<(f64, f64)> {
        let value = |(second, calls): (usize, &Vec<&Call>)| {
            let chosen: Vec<_> = calls.iter().copied().filter(|call| call.is_ok() == accepted).collect();
            Some((second as f64 + 0.5, value(&chosen)?))
        };
        self.0.iter().enumerate().filter_map(value).collect()
    }
}

fn memory(began: Instant, samples: &[Sample], unit: f64) -> Line {
    let seconds = |at: Instant| Duration::as_secs_f64(&(at - began));
    let point = |sample: &Sample| (seconds(sample.at) / unit, sample.resources.memory as f64 / 1024.0);
    Line { name: "resident memory", color: MEMORY, points: samples.iter().map(point).collect() }
}

fn highest(lines: &[Line]) -> f64 {
    lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value).fold(1.0, f64::max)
}

/// Draws charts below each other into a file of the repository.
fn draw(path: &str, charts: usize, draw: impl FnOnce(&[Area])) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let root = SVGBackend::new(&path, (WIDTH, HEIGHT * u32::try_from(charts).unwrap())).into_drawing_area();
    root.fill(&WHITE).unwrap();
    draw(&root.split_evenly((charts, 1)));
    root.present().unwrap();
}

fn chart<Y>(area: &Area, frame: &Frame, values: Y, lines: impl IntoIterator<Item = Line>)
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let mut chart = ChartBuilder::on(area)
        .caption(&frame.title, ("sans-serif", 18))
        .margin(10)
        .margin_right(20)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(frame.times.clone(), values)
        .unwrap();
    let mesh = &mut chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT).bold_line_style(BLACK.mix(0.12)).axis_desc_style(("sans-serif", 14));
    mesh.x_desc(frame.time).y_desc(frame.value).x_label_formatter(&plain).y_label_formatter(&plain).draw().unwrap();
    let range = chart.y_range();
    let mark = frame.mark.map(|(at, name)| Line {
        name,
        color: RGBColor(120, 120, 120),
        points: vec![(at, range.start), (at, range.end)],
    });
    for Line { name, color, points } in mark.into_iter().chain(lines) {
        let drawn = chart.draw_series(LineSeries::new(points, color.stroke_width(2))).unwrap();
        drawn.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(3)));
    }
    let legend = &mut chart.configure_series_labels();
    legend.position(frame.legend.clone()).background_style(WHITE.mix(0.85)).border_style(BLACK.mix(0.2));
    legend.label_font(("sans-serif", 14)).draw().unwrap();
}

/// Writes a number without a fraction that is 0.
fn plain(value: &f64) -> String {
    value.to_string()
}
