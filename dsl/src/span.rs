//! `Duration` as scripts know it: whole microseconds, never negative.

use std::fmt;

use crate::failure::{Answer, Failure};
use crate::library::Library;

const US: f64 = 1.0;
const MS: f64 = 1e3;
const S: f64 = 1e6;
const M: f64 = 60e6;
const H: f64 = 3600e6;

/// A script's `Duration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(pub(crate) u64);

impl Span {
    fn from_units(function: &'static str, count: i64, unit_us: f64) -> Result<Self, Failure> {
        let count = u64::try_from(count).map_err(|_| not_a_length(function, &count))?;
        count.checked_mul(unit_us as u64).map(Self).ok_or(Failure::DurationOverflow)
    }

    fn from_fraction(function: &'static str, count: f64, unit_us: f64) -> Result<Self, Failure> {
        let us = count * unit_us;
        if us.is_nan() || us < 0.0 {
            return Err(not_a_length(function, &count));
        }
        Self::truncated(us)
    }

    fn truncated(us: f64) -> Result<Self, Failure> {
        if us >= u64::MAX as f64 {
            return Err(Failure::DurationOverflow);
        }
        Ok(Self(us as u64))
    }

    fn plus(self, other: Self) -> Result<Self, Failure> {
        self.0.checked_add(other.0).map(Self).ok_or(Failure::DurationOverflow)
    }

    fn minus(self, other: Self) -> Result<Self, Failure> {
        self.0.checked_sub(other.0).map(Self).ok_or(Failure::NegativeDuration(self, other))
    }

    fn times(self, factor: i64) -> Result<Self, Failure> {
        let factor = u64::try_from(factor).map_err(|_| not_a_length("*", &factor))?;
        self.0.checked_mul(factor).map(Self).ok_or(Failure::DurationOverflow)
    }

    fn scaled(self, factor: f64) -> Result<Self, Failure> {
        if factor.is_nan() || factor < 0.0 {
            return Err(not_a_length("*", &factor));
        }
        Self::truncated(self.0 as f64 * factor)
    }
}

fn not_a_length(function: &'static str, got: &dyn fmt::Display) -> Failure {
    Failure::Argument { function, expected: "a number that isn't negative", got: got.to_string() }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        let mut separator = "";
        for (unit_us, name) in [
            (86_400_000_000, "d"),
            (3_600_000_000, "h"),
            (60_000_000, "m"),
            (1_000_000, "s"),
            (1_000, "ms"),
            (1, "us"),
        ] {
            let count = rest / unit_us;
            rest %= unit_us;
            if count > 0 {
                write!(f, "{separator}{count}{name}")?;
                separator = " ";
            }
        }
        Ok(())
    }
}

/// A script's `Option<Duration>`: when an allocation was freed, if it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OptionalSpan(pub(crate) Option<Span>);

impl fmt::Display for OptionalSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(span) => write!(f, "Some({span})"),
            None => f.write_str("None"),
        }
    }
}

pub(crate) fn register(library: &mut Library<'_>) {
    register_units(library);
    register_operators(library);
    register_optional(library);
}

fn register_units(library: &mut Library<'_>) {
    library.section("");
    for (name, unit_us, signature, meaning) in [
        ("h", H, "(hours: Integer|Float) -> Duration", "A duration of so many hours."),
        ("m", M, "(minutes: Integer|Float) -> Duration", "A duration of so many minutes."),
        (
            "s",
            S,
            "(seconds: Integer|Float) -> Duration",
            "A duration of so many seconds; `s(0.5)` is half a second.",
        ),
        ("ms", MS, "(milliseconds: Integer|Float) -> Duration", "A duration of so many milliseconds."),
        ("us", US, "(microseconds: Integer|Float) -> Duration", "A duration of so many microseconds."),
    ] {
        let example = format!("println({name}(1.5) + {name}(2))");
        library.operator(name, signature, meaning, example, move |n: i64| -> Answer<Span> {
            Ok(Span::from_units(name, n, unit_us)?)
        });
        library.overload(name, move |n: f64| -> Answer<Span> { Ok(Span::from_fraction(name, n, unit_us)?) });
    }
}

fn register_operators(library: &mut Library<'_>) {
    library.object::<Span>("Duration");
    library.operator(
        "+",
        "Duration + Duration -> Duration",
        "The sum.",
        "println(s(1) + ms(500))",
        |a: Span, b: Span| -> Answer<Span> { Ok(a.plus(b)?) },
    );
    library.operator(
        "-",
        "Duration - Duration -> Duration",
        "The difference; an error when it would be negative.",
        "println(data().runtime() - ms(1))",
        |a: Span, b: Span| -> Answer<Span> { Ok(a.minus(b)?) },
    );
    library.operator(
        "*",
        "Duration * Integer|Float -> Duration",
        "The multiple, cut to whole microseconds; the number may also stand first.",
        "println(data().runtime() * 0.5)",
        |a: Span, n: i64| -> Answer<Span> { Ok(a.times(n)?) },
    );
    library.overload("*", |n: i64, a: Span| -> Answer<Span> { Ok(a.times(n)?) });
    library.overload("*", |a: Span, n: f64| -> Answer<Span> { Ok(a.scaled(n)?) });
    library.overload("*", |n: f64, a: Span| -> Answer<Span> { Ok(a.scaled(n)?) });
    library.operator(
        "==",
        "Duration == Duration -> Boolean",
        "Durations compare with `==`, `!=`, `<`, `<=`, `>` and `>=`.",
        "println(s(60) == m(1))",
        |a: Span, b: Span| a == b,
    );
    library.overload("!=", |a: Span, b: Span| a != b);
    library.overload("<", |a: Span, b: Span| a < b);
    library.overload("<=", |a: Span, b: Span| a <= b);
    library.overload(">", |a: Span, b: Span| a > b);
    library.overload(">=", |a: Span, b: Span| a >= b);
}

fn register_optional(library: &mut Library<'_>) {
    library.object::<OptionalSpan>("Option<Duration>");
    library.define(
        "is_some() -> Boolean",
        "Whether there is a duration.",
        "println(allocations()[0].deallocated_at().is_some())",
        |o: &mut OptionalSpan| o.0.is_some(),
    );
    library.define(
        "is_none() -> Boolean",
        "Whether there is none.",
        "println(allocations()[0].deallocated_at().is_none())",
        |o: &mut OptionalSpan| o.0.is_none(),
    );
    library.define(
        "unwrap() -> Duration",
        "The duration; an error when there is none.",
        "println(allocations().only_temporary()[0].deallocated_at().unwrap())",
        |o: &mut OptionalSpan| -> Answer<Span> { Ok(o.0.ok_or(Failure::UnwrapNone)?) },
    );
    library.define(
        "unwrap_or(default: Duration) -> Duration",
        "The duration, or `default` when there is none.",
        "println(allocations()[0].deallocated_at().unwrap_or(data().runtime()))",
        |o: &mut OptionalSpan, default: Span| o.0.unwrap_or(default),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_names_its_parts_from_days_to_microseconds() {
        for (us, text) in [
            (0, "0s"),
            (1, "1us"),
            (62_661, "62ms 661us"),
            (60_000_000, "1m"),
            (10_065_367, "10s 65ms 367us"),
            (93_784_062_590, "1d 2h 3m 4s 62ms 590us"),
        ] {
            assert_eq!(Span(us).to_string(), text);
        }
    }

    #[test]
    fn units_take_fractions_and_refuse_negative_numbers() {
        assert_eq!(Span::from_fraction("s", 0.5, S).ok(), Some(Span(500_000)));
        assert_eq!(Span::from_units("h", 2, H).ok(), Some(Span(7_200_000_000)));
        for failure in [
            Span::from_units("s", -1, S),
            Span::from_fraction("s", -0.5, S),
            Span::from_fraction("s", f64::NAN, S),
            Span::from_units("h", i64::MAX, H),
            Span::from_fraction("h", 1e300, H),
        ] {
            assert!(failure.is_err());
        }
    }
}
