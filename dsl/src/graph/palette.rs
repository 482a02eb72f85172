//! Colours of graphs.

use plotters::style::RGBAColor;

use crate::failure::Failure;

/// Paul Tol's "muted" and "vibrant" qualitative schemes, which people with any kind of colour blindness can tell apart,
/// ordered so that neighbours in a stack differ most.
const COLOURS: [(u8, u8, u8); 15] = [
    (0, 119, 187),
    (238, 119, 51),
    (0, 153, 136),
    (238, 51, 119),
    (51, 187, 238),
    (204, 51, 17),
    (51, 34, 136),
    (221, 204, 119),
    (17, 119, 51),
    (204, 102, 119),
    (136, 204, 238),
    (136, 34, 85),
    (68, 170, 153),
    (153, 153, 51),
    (170, 68, 153),
];

/// How the series of one graph are coloured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scheme {
    Palette,
    Gradient(Colour, Colour),
}

/// A colour with opacity, each part from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Colour([f64; 4]);

impl Scheme {
    pub(crate) fn gradient(start: &str, end: &str) -> Result<Self, Failure> {
        Ok(Self::Gradient(Colour::parse(start)?, Colour::parse(end)?))
    }

    /// Colour of series `index` of `count`, the bottommost being the first.
    pub(crate) fn colour(self, index: usize, count: usize) -> RGBAColor {
        match self {
            Self::Palette => {
                let (r, g, b) = COLOURS[index % COLOURS.len()];
                RGBAColor(r, g, b, 1.0)
            }
            Self::Gradient(start, end) => {
                let position = if count > 1 { index as f64 / (count - 1) as f64 } else { 0.0 };
                start.towards(end, position)
            }
        }
    }
}

impl Colour {
    /// A colour as CSS writes it.
    fn parse(text: &str) -> Result<Self, Failure> {
        let colour = csscolorparser::parse(text).map_err(|_| {
            Failure::Gradient(format!(
                "`{text}` is not a colour: expected a CSS colour, as in `red` or `#ff0000`"
            ))
        })?;
        Ok(Self(colour.to_array().map(f64::from)))
    }

    fn towards(self, end: Self, position: f64) -> RGBAColor {
        let part = |i: usize| self.0[i] + (end.0[i] - self.0[i]) * position;
        let byte = |i: usize| (part(i).clamp(0.0, 1.0) * 255.0).round() as u8;
        RGBAColor(byte(0), byte(1), byte(2), part(3).clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gradient_runs_from_the_bottom_series_to_the_top_one() {
        let scheme = Scheme::gradient("red", "#0000ff80").unwrap();
        assert_eq!(scheme.colour(0, 3), RGBAColor(255, 0, 0, 1.0));
        assert_eq!(scheme.colour(1, 3).0, 128);
        assert_eq!((scheme.colour(2, 3).0, scheme.colour(2, 3).2), (0, 255));
        assert!((scheme.colour(2, 3).3 - 0.502).abs() < 0.01);
        assert_eq!(scheme.colour(0, 1), RGBAColor(255, 0, 0, 1.0));
    }

    #[test]
    fn a_wrong_colour_is_named() {
        let message = Scheme::gradient("red", "reddish").unwrap_err().to_string();
        assert!(message.starts_with("failed to create a gradient: `reddish`"), "{message}");
    }
}
