//! What a kind of requests has to reach.

use crate::measured::{Measured, milliseconds};
use crate::requests::Kind;
use clap::ValueEnum;

/// So many milliseconds for 99 of 100 requests of a kind.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    kind: Kind,
    p99_ms: f64,
}

impl Target {
    /// `KIND=MILLISECONDS`
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (kind, p99_ms) = text.split_once('=').ok_or("write it as KIND=MILLISECONDS")?;
        let p99_ms = p99_ms.parse().map_err(|error| format!("`{p99_ms}`: {error}"))?;
        Ok(Self { kind: Kind::from_str(kind, false)?, p99_ms })
    }

    /// Says that it was missed, if it was; what was not measured has missed it.
    pub(crate) fn missed(&self, measured: &Measured) -> Option<String> {
        let name = self.kind.name();
        let Some(p99) = measured.percentile(self.kind, 99.0) else {
            return Some(format!("missed: no `{name}` was measured"));
        };
        let (p99_ms, most) = (milliseconds(p99), self.p99_ms);
        (p99_ms > most).then(|| format!("missed: `{name}` p99 {p99_ms:.1} ms, at most {most:.1}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Verdict;
    use crate::requests::Mix;
    use std::time::Duration;

    fn missed(target: &str) -> Option<String> {
        let mix = Mix::over(&[], &[Kind::List]);
        let mut measured = Measured::default();
        for latency in 1..=100 {
            measured.record(&mix.requests()[0], Duration::from_millis(latency), Verdict::Right);
        }
        Target::parse(target).unwrap().missed(&measured)
    }

    #[test]
    fn a_target_is_missed_by_what_is_slower_and_by_what_was_not_measured() {
        assert_eq!(missed("list=100"), None);
        assert!(missed("list=98.5").unwrap().contains("`list` p99 99"));
        assert!(missed("groups=1000").unwrap().contains("no `groups`"));
    }

    #[test]
    fn a_target_is_a_kind_and_a_number() {
        for text in ["list", "nothing=1", "list=fast"] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
    }
}
