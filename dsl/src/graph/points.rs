//! From what the series of a graph hold to the values that a chart shows.

use std::sync::Arc;

use bytehound_index::{
    Cancel, Grid, MapBucket, MapLevels, MapSet, MapTimeline, Profile, RowSet, TimeBucket, Timeline,
};

use super::chart::{Area, Chart, Look, Quantity, Stack};
use super::palette::Scheme;
use super::series::{Held, Part};
use crate::failure::Failure;

/// Points of time in one graph.
const RESOLUTION: u64 = 1_000;

/// What the values of a graph count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    MemoryUsage,
    LiveAllocations,
    NewAllocations,
    Deallocations,
    Rss,
    AddressSpace,
}

/// The stretch of time that a graph shows, in µs since the start of each profile.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extent {
    pub(crate) trim_left: bool,
    pub(crate) trim_right: bool,
    pub(crate) start: Option<u64>,
    pub(crate) end: Option<u64>,
}

/// How some series are looked at.
pub(crate) struct View<'a> {
    pub(crate) show: Show,
    pub(crate) extent: &'a Extent,
    pub(crate) look: Look,
    pub(crate) scheme: Scheme,
}

/// The series of one profile. Its time begins with the profile.
struct Run<'a> {
    profile: &'a Arc<Profile>,
    /// Each with its number among all series.
    parts: Vec<(usize, &'a Part)>,
}

/// A stretch of time in µs since the start of each profile, and the width of the buckets that it is divided into.
#[derive(Clone, Copy)]
struct Window {
    start: u64,
    end: u64,
    width: u64,
}

/// The values of one series: where they start, and each bucket in which something happened.
struct Line {
    start: u64,
    points: Vec<Point>,
}

struct Point {
    index: u64,
    within: u64,
    after: u64,
}

/// The picture of series, those of one profile on top of one another.
pub(crate) fn draw(view: &View<'_>, parts: &[Part], cancel: &Cancel) -> Result<String, Failure> {
    let runs = runs(parts);
    let window = view.window(&runs, cancel)?;
    let stack = |run: &Run<'_>| {
        // Beside a longer run a shorter one ends where it ended.
        let window = if runs.len() > 1 { window.until(run.profile.manifest().runtime_us()) } else { window };
        view.stack(run, window, parts.len(), cancel)
    };
    let chart = Chart {
        start: window.start,
        end: window.end,
        origin_us: if let [run] = &runs[..] { Some(run.start_us()) } else { None },
        quantity: view.show.quantity(),
        stacks: runs.iter().map(stack).collect::<Result<_, _>>()?,
        look: view.look,
    };
    chart.render()
}

fn runs(parts: &[Part]) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        match runs.iter_mut().find(|run| run.profile.id() == part.profile.id()) {
            Some(run) => run.parts.push((number, part)),
            None => runs.push(Run { profile: &part.profile, parts: vec![(number, part)] }),
        }
    }
    runs
}

impl View<'_> {
    /// The stretch of time that is drawn, divided so that about [`RESOLUTION`] buckets lie in it.
    fn window(&self, runs: &[Run<'_>], cancel: &Cancel) -> Result<Window, Failure> {
        let runtime = runs.iter().map(|run| run.profile.manifest().runtime_us()).max();
        let mut window = Window::divided(0, self.extent.end.or(runtime).unwrap_or(0));
        if self.extent.trim_left || self.extent.trim_right {
            let active = runs.iter().map(|run| run.active(self.show, window, cancel));
            let active = active.collect::<Result<Vec<_>, _>>()?.into_iter().flatten();
            if let Some((first, last)) = active.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) {
                let start = if self.extent.trim_left { first.max(window.start) } else { window.start };
                let end = if self.extent.trim_right { last.min(window.end) } else { window.end };
                window = Window::divided(start, end);
            }
        }
        if let Some(start) = self.extent.start {
            window = Window::divided(start.clamp(window.start, window.end), window.end);
        }
        Ok(window)
    }

    fn stack(&self, run: &Run<'_>, window: Window, count: usize, cancel: &Cancel) -> Result<Stack, Failure> {
        let grid = run.grid(window);
        let buckets: Vec<u64> = (grid.bucket(grid.start_us)..=grid.bucket(grid.end_us)).collect();
        // The last moment stands for itself: what was left when the last bucket was over.
        let times = buckets
            .iter()
            .map(|bucket| bucket.saturating_mul(grid.width_us).max(grid.start_us))
            .chain([grid.end_us]);
        let lines = run.lines(self.show, window, cancel)?;
        let areas = lines.iter().zip(&run.parts).map(|(line, (number, part))| Area {
            label: part.label.clone(),
            colour: self.scheme.colour(*number, count),
            values: line.values(&buckets),
        });
        Ok(Stack {
            areas: areas.collect(),
            times: times.map(|time_us| time_us.saturating_sub(run.start_us())).collect(),
        })
    }
}

impl Window {
    fn divided(start: u64, end: u64) -> Self {
        let end = end.max(start);
        Self { start, end, width: ((end - start) / RESOLUTION).max(1) }
    }

    /// The same buckets, up to `end` at most.
    fn until(self, end: u64) -> Self {
        Self { end: end.clamp(self.start, self.end), ..self }
    }
}

impl Run<'_> {
    fn start_us(&self) -> u64 {
        self.profile.manifest().start_us
    }

    fn grid(&self, window: Window) -> Grid {
        Grid {
            start_us: self.start_us().saturating_add(window.start),
            end_us: self.start_us().saturating_add(window.end),
            width_us: window.width,
        }
    }

    fn lines(&self, show: Show, window: Window, cancel: &Cancel) -> Result<Vec<Line>, Failure> {
        let (grid, held) = (self.grid(window), || self.parts.iter().map(|(_, part)| &part.held));
        let rows: Vec<Arc<RowSet>> = held().filter_map(Held::rows).collect();
        if rows.len() == self.parts.len() {
            return Ok(self
                .profile
                .series(&rows, grid, cancel)?
                .iter()
                .map(|line| show.line(line))
                .collect());
        }
        let maps: Vec<MapSet> = held().filter_map(Held::maps).collect();
        Ok(self.profile.map_series(&maps, grid, cancel)?.iter().map(|line| show.line_of_maps(line)).collect())
    }

    /// When something first and last happened in the window, by whole buckets.
    fn active(&self, show: Show, window: Window, cancel: &Cancel) -> Result<Option<(u64, u64)>, Failure> {
        let lines = self.lines(show, window, cancel)?;
        let first = lines.iter().filter_map(|line| line.points.first()).map(|point| point.index).min();
        let last = lines.iter().filter_map(|line| line.points.last()).map(|point| point.index).max();
        let since_start = |bucket: u64| bucket.saturating_mul(window.width).saturating_sub(self.start_us());
        Ok(first.zip(last).map(|(first, last)| (since_start(first), since_start(last + 1))))
    }
}

impl Show {
    /// Whether it is something that maps have, and allocations don't.
    pub(crate) fn is_of_maps(self) -> bool {
        matches!(self, Self::Rss | Self::AddressSpace)
    }

    fn quantity(self) -> Quantity {
        match self {
            Self::MemoryUsage => Quantity { name: "Memory usage", is_bytes: true },
            Self::LiveAllocations => Quantity { name: "Live allocations", is_bytes: false },
            Self::NewAllocations => Quantity { name: "New allocations", is_bytes: false },
            Self::Deallocations => Quantity { name: "Deallocations", is_bytes: false },
            Self::Rss => Quantity { name: "RSS", is_bytes: true },
            Self::AddressSpace => Quantity { name: "Address space", is_bytes: true },
        }
    }

    fn line(self, line: &Timeline) -> Line {
        let point = |point: &TimeBucket| {
            let (within, after) = match self {
                Self::LiveAllocations => (point.live_count_max, point.live_count_end),
                Self::NewAllocations => (point.allocated_count, 0),
                Self::Deallocations => (point.freed_count, 0),
                _ => (point.live_bytes_max, point.live_bytes_end),
            };
            Point { index: point.index, within, after }
        };
        let start = match self {
            Self::LiveAllocations => line.live_count_start,
            Self::NewAllocations | Self::Deallocations => 0,
            _ => line.live_bytes_start,
        };
        Line { start, points: line.points.iter().map(point).collect() }
    }

    fn line_of_maps(self, line: &MapTimeline) -> Line {
        let value = |levels: &MapLevels| match self {
            Self::AddressSpace => levels.address_space,
            _ => levels.rss,
        };
        let point = |point: &MapBucket| Point {
            index: point.index,
            within: value(&point.max),
            after: value(&point.end),
        };
        Line { start: value(&line.start), points: line.points.iter().map(point).collect() }
    }
}

impl Line {
    /// The value of every bucket, and the value at the very end.
    fn values(&self, buckets: &[u64]) -> Vec<u64> {
        let mut rest = self.start;
        let mut points = self.points.iter().peekable();
        let mut values = Vec::with_capacity(buckets.len() + 1);
        for &bucket in buckets {
            values.push(match points.next_if(|point| point.index == bucket) {
                Some(point) => {
                    rest = point.after;
                    point.within
                }
                None => rest,
            });
        }
        values.push(rest);
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKETS: [u64; 5] = [0, 1, 2, 3, 4];

    fn line() -> Timeline {
        let point = |index, max, end| TimeBucket {
            index,
            live_bytes_max: max,
            live_bytes_end: end,
            allocated_count: 3,
            ..TimeBucket::default()
        };
        Timeline {
            grid: Grid { start_us: 0, end_us: 10, width_us: 1 },
            live_bytes_start: 7,
            live_count_start: 1,
            points: vec![point(1, 20, 10), point(3, 12, 0)],
        }
    }

    #[test]
    fn a_bucket_shows_its_peak_and_a_quiet_one_what_is_left() {
        assert_eq!(Show::MemoryUsage.line(&line()).values(&BUCKETS), [7, 20, 10, 12, 0, 0]);
    }

    #[test]
    fn nothing_is_new_in_a_quiet_bucket() {
        assert_eq!(Show::NewAllocations.line(&line()).values(&BUCKETS), [0, 3, 0, 3, 0, 0]);
    }

    #[test]
    fn maps_show_the_amount_that_is_asked_for() {
        let levels = |rss, address_space| MapLevels { rss, address_space, ..MapLevels::default() };
        let line = MapTimeline {
            grid: Grid { start_us: 0, end_us: 10, width_us: 1 },
            start: levels(1, 100),
            points: vec![MapBucket { index: 1, max: levels(5, 200), end: levels(2, 150) }],
        };
        assert_eq!(Show::Rss.line_of_maps(&line).values(&BUCKETS), [1, 5, 2, 2, 2, 2]);
        assert_eq!(Show::AddressSpace.line_of_maps(&line).values(&BUCKETS), [100, 200, 150, 150, 150, 150]);
    }
}
