//! The picture of a graph: stacked areas over time, as SVG by plotters.

use plotters::coord::combinators::BindKeyPoints as _;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;

use super::axis::{Axis, calendar};
use crate::failure::Failure;

const WIDTH: u32 = 1024;
const HEIGHT: u32 = 768;
/// Characters of a label in the legend.
const LABEL_CHARACTERS: usize = 100;

/// Of several stacks, each area is as opaque as this, so that one shows through the other.
const BESIDE_OTHERS: f64 = 0.35;

/// What to draw. Times are µs since the start of the profile.
pub(crate) struct Chart {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// When the profile started, in µs since 1970, if it is but one.
    pub(crate) origin_us: Option<u64>,
    pub(crate) quantity: Quantity,
    /// Each stands on the time axis by itself; the first is in front.
    pub(crate) stacks: Vec<Stack>,
    pub(crate) look: Look,
}

/// Areas on top of one another.
pub(crate) struct Stack {
    /// Where the values of all areas stand.
    pub(crate) times: Vec<u64>,
    /// From the bottom to the top.
    pub(crate) areas: Vec<Area>,
}

pub(crate) struct Area {
    pub(crate) label: Option<String>,
    pub(crate) colour: RGBAColor,
    /// One for each time.
    pub(crate) values: Vec<u64>,
}

/// What the vertical axis shows.
#[derive(Clone, Copy)]
pub(crate) struct Quantity {
    pub(crate) name: &'static str,
    pub(crate) is_bytes: bool,
}

/// What is drawn beside the areas.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) axes: bool,
    pub(crate) grid: bool,
    pub(crate) legend: bool,
}

/// The outline of one area: where it lies between the areas below it and its own top.
struct Band<'a> {
    area: &'a Area,
    bottom: Vec<(u64, u64)>,
    top: Vec<(u64, u64)>,
}

impl Chart {
    pub(crate) fn render(&self) -> Result<String, Failure> {
        let mut svg = String::new();
        self.draw(&mut svg).map_err(Failure::Drawing)?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String) -> Result<(), String> {
        let root = SVGBackend::with_string(svg, (WIDTH, HEIGHT)).into_drawing_area();
        root.fill(&WHITE).map_err(text)?;
        let bands: Vec<Band<'_>> = self.stacks.iter().flat_map(Stack::bands).collect();
        let max = bands.iter().flat_map(|band| &band.top).map(|point| point.1).max().unwrap_or(0);
        let end = self.end.max(self.start + 1);
        let time = Axis::time(self.start, end);
        let value = if self.quantity.is_bytes { Axis::bytes(max) } else { Axis::counts(max) };

        let mut builder = ChartBuilder::on(&root);
        if self.look.axes {
            builder.margin(8).margin_right(50).margin_top(30).x_label_area_size(60).y_label_area_size(80);
        }
        let x = (self.start..end).with_key_points(time.ticks.clone());
        let y = (0..max.saturating_add(1)).with_key_points(value.ticks.clone());
        let mut chart = builder.build_cartesian_2d(x, y).map_err(text)?;
        let opacity = if self.stacks.len() > 1 { BESIDE_OTHERS } else { 1.0 };
        for band in bands.iter().rev() {
            draw_band(&mut chart, band, opacity)?;
        }
        self.draw_mesh(&mut chart, &time, &value)?;
        if self.look.legend && bands.iter().any(|band| band.area.label.is_some()) {
            draw_legend(&mut chart)?;
        }
        drop(chart);
        root.present().map_err(text)
    }

    fn draw_mesh<'a, X, Y>(&self, chart: &mut Plot<'a, X, Y>, time: &Axis, value: &Axis) -> Result<(), String>
    where
        X: Ranged<ValueType = u64> + ValueFormatter<u64>,
        Y: Ranged<ValueType = u64> + ValueFormatter<u64>,
    {
        let time_label = |us: &u64| time.label(*us);
        let value_label = |value_: &u64| value.label(*value_);
        let mut mesh = chart.configure_mesh();
        mesh.bold_line_style(BLACK.mix(0.2))
            .light_line_style(BLACK.mix(0.1))
            .x_label_formatter(&time_label)
            .y_label_formatter(&value_label);
        if self.look.axes {
            let origin = self.origin_us.map(|origin_us| format!("{} UTC", calendar(origin_us)));
            let origin = origin.unwrap_or_else(|| "the start of each profile".to_owned());
            mesh.x_desc(format!("Time since {origin}")).y_desc(self.quantity.name);
        } else {
            mesh.disable_axes();
        }
        if !self.look.grid {
            mesh.disable_mesh();
        }
        mesh.draw().map_err(text)
    }
}

impl Stack {
    fn bands(&self) -> Vec<Band<'_>> {
        let mut floor = vec![0_u64; self.times.len()];
        let mut bands = Vec::with_capacity(self.areas.len());
        for area in &self.areas {
            let bottom = outline(&self.times, &floor);
            for (height, value) in floor.iter_mut().zip(&area.values) {
                *height = height.saturating_add(*value);
            }
            bands.push(Band { area, bottom, top: outline(&self.times, &floor) });
        }
        bands
    }
}

type Plot<'a, X, Y> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>;

fn draw_band<'a, X, Y>(chart: &mut Plot<'a, X, Y>, band: &Band<'_>, opacity: f64) -> Result<(), String>
where
    X: Ranged<ValueType = u64>,
    Y: Ranged<ValueType = u64>,
{
    let colour = band.area.colour;
    let visible = band.top != band.bottom;
    let polygon = visible.then(|| {
        let around = band.top.iter().chain(band.bottom.iter().rev()).copied().collect::<Vec<_>>();
        Polygon::new(around, colour.mix(opacity).filled())
    });
    let series = chart.draw_series(polygon).map_err(text)?;
    if let Some(label) = &band.area.label {
        series
            .label(shown(label))
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 10, y + 5)], colour.filled()));
    }
    let line = visible.then(|| PathElement::new(band.top.clone(), colour.stroke_width(1)));
    chart.draw_series(line).map(drop).map_err(text)
}

fn draw_legend<'a, X, Y>(chart: &mut Plot<'a, X, Y>) -> Result<(), String>
where
    X: Ranged<ValueType = u64>,
    Y: Ranged<ValueType = u64>,
{
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .margin(10)
        .legend_area_size(20)
        .background_style(WHITE.mix(0.75))
        .border_style(BLACK)
        .label_font(("sans-serif", 12))
        .draw()
        .map_err(text)
}

/// Points of a curve without those that lie on a level line between their neighbours.
fn outline(times: &[u64], heights: &[u64]) -> Vec<(u64, u64)> {
    let last = heights.len().saturating_sub(1);
    (0..heights.len())
        .filter(|&i| i == 0 || i == last || heights[i] != heights[i - 1] || heights[i] != heights[i + 1])
        .map(|i| (times[i], heights[i]))
        .collect()
}

/// A label as XML can hold it.
fn shown(label: &str) -> String {
    let mut shown: String = label
        .chars()
        .take(LABEL_CHARACTERS)
        .map(|c| if c.is_control() || c > '\u{fffd}' && c < '\u{10000}' { ' ' } else { c })
        .collect();
    if label.chars().nth(LABEL_CHARACTERS).is_some() {
        shown.push('…');
    }
    shown
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        let area = |label: &str, values| Area {
            label: Some(label.to_owned()),
            colour: RGBAColor(1, 2, 3, 1.0),
            values,
        };
        Chart {
            start: 0,
            end: 10_000_000,
            origin_us: Some(0),
            quantity: Quantity { name: "Memory usage", is_bytes: true },
            stacks: vec![Stack {
                times: vec![0, 5_000_000, 10_000_000],
                areas: vec![area("<b>&\u{1}", vec![0, 100_000, 100_000]), area("second", vec![50_000, 0, 0])],
            }],
            look: Look { axes: true, grid: true, legend: true },
        }
    }

    #[test]
    fn a_chart_has_areas_axes_and_a_legend_from_top_to_bottom() {
        let svg = chart().render().unwrap();
        assert_eq!(svg.matches("<polygon").count(), 2, "{svg}");
        for word in ["Memory usage", "Time since 1970-01-01 00:00:00 UTC", "2 s", "50 kB"] {
            assert!(svg.contains(word), "{word}");
        }
        assert!(svg.find("second") < svg.find("&lt;b&gt;&amp; "));
        assert!(!svg.contains("<b>"));
    }

    #[test]
    fn what_is_left_out_is_not_drawn() {
        let bare = Chart { look: Look { axes: false, grid: false, legend: false }, ..chart() };
        let svg = bare.render().unwrap();
        assert!(!svg.contains("<text"), "{svg}");
        assert!(!svg.contains("<line"), "{svg}");
    }

    #[test]
    fn an_empty_moment_can_be_drawn() {
        let moment = Chart { start: 7, end: 7, stacks: Vec::new(), ..chart() };
        assert!(moment.render().unwrap().contains("</svg>"));
    }

    #[test]
    fn level_stretches_keep_only_their_ends() {
        assert_eq!(outline(&[0, 1, 2, 3, 4], &[5, 5, 5, 6, 6]), [(0, 5), (2, 5), (3, 6), (4, 6)]);
        assert_eq!(outline(&[], &[]), []);
    }
}
