//! Durations as people type them: `4h3m2s`, `100ms`, `10`.

/// `<digits><unit>` again and again, added up, in µs; a number without a unit, which only the last may be, is seconds.
///
/// Nothing is no time at all.
pub(super) fn parse_us(text: &str) -> Option<u64> {
    let text: String = text.chars().filter(|character| *character != ' ').collect();
    let mut rest = text.as_str();
    let mut sum = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|character: char| character.is_ascii_digit()).unwrap_or(rest.len());
        sum = sum.checked_add(number.checked_mul(unit_us(&rest[..letters])?)?)?;
        rest = &rest[letters..];
    }
    Some(sum)
}

fn unit_us(unit: &str) -> Option<u64> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "h" => 3_600_000_000,
        "m" => 60_000_000,
        "s" | "" => 1_000_000,
        "ms" => 1000,
        "us" => 1,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::parse_us;

    #[test]
    fn parts_are_added_up() {
        assert_eq!(parse_us("4h3m2s"), Some(14_582_000_000));
        assert_eq!(parse_us("1 S 5 Ms 7us"), Some(1_005_007));
        assert_eq!(parse_us("1m 10"), Some(70_000_000));
        assert_eq!(parse_us("10"), Some(10_000_000));
        assert_eq!(parse_us(""), Some(0));
    }

    #[test]
    fn anything_else_is_no_interval() {
        for text in ["s", "1d", "1.5s", "-1s", "1s!", "99999999999999999999", "18446744073709551615h", "1é"]
        {
            assert_eq!(parse_us(text), None, "{text}");
        }
    }
}
