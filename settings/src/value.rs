//! What the value of a setting may be.

use core::net::Ipv4Addr;

/// What a setting may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `1` and `true` are on; everything else is off.
    Switch,
    /// A path, a pattern, or lines of text.
    Text,
    /// A whole number, from 0 to this one.
    Number(u64),
    /// How much is logged.
    Level,
    /// Which version of the container is written.
    Format,
    /// An IPv4 address of this machine.
    Address,
}

impl Kind {
    /// What a value has to be like, in words.
    pub(crate) fn expectation(self) -> String {
        match self {
            Self::Switch => "only `1` and `true` mean on, `0` and `false` off".into(),
            Self::Text => format!("at most {} bytes", crate::VALUE_LEN_MAX),
            Self::Number(u64::MAX) => "expected a whole number".into(),
            Self::Number(max) => format!("expected a whole number of at most {max}"),
            Self::Level => "expected `trace`, `debug`, `info`, `warn`, `error` or `off`".into(),
            Self::Format => "expected `2` or `0.11`".into(),
            Self::Address => "expected an IPv4 address such as `127.0.0.1`".into(),
        }
    }
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Level {
    /// The capture, or a part of it, is missing.
    Error = 1,
    /// Something is not as it seems to have been meant.
    Warn,
    /// What is done.
    Info,
    /// How it is done.
    Debug,
    /// Everything.
    Trace,
}

/// A version of the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// That of Bytehound 0.11.
    V0_11,
    /// Blocks with checksums, a thread's events each.
    V2,
}

/// A type that the value of a variable can be read as.
pub(crate) trait Value: Sized {
    const KIND: Kind;
    const LEN_MAX: usize = crate::VALUE_LEN_MAX;

    /// None for a value that can't be meant: what holds without the variable holds then.
    fn parse(value: &[u8]) -> Option<Self>;

    /// Whether the value does what it seems to.
    fn is_plain(value: &[u8]) -> bool {
        Self::parse(value).is_some()
    }
}

impl Value for bool {
    const KIND: Kind = Kind::Switch;

    fn parse(value: &[u8]) -> Option<Self> {
        Some(matches!(value, b"1" | b"true"))
    }

    fn is_plain(value: &[u8]) -> bool {
        matches!(value, b"0" | b"1" | b"true" | b"false" | b"")
    }
}

impl Value for Vec<u8> {
    const KIND: Kind = Kind::Text;

    fn parse(value: &[u8]) -> Option<Self> {
        Some(value.to_vec())
    }
}

/// Lines of `key=value`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(pub Vec<u8>);

impl Value for Labels {
    const KIND: Kind = Kind::Text;
    /// What the kernel passes on in one variable.
    const LEN_MAX: usize = 128 * 1024;

    fn parse(value: &[u8]) -> Option<Self> {
        Some(Self(value.to_vec()))
    }
}

impl Value for u64 {
    const KIND: Kind = Kind::Number(Self::MAX);

    fn parse(value: &[u8]) -> Option<Self> {
        core::str::from_utf8(value).ok()?.parse().ok()
    }
}

impl Value for u32 {
    const KIND: Kind = Kind::Number(Self::MAX as u64);

    fn parse(value: &[u8]) -> Option<Self> {
        core::str::from_utf8(value).ok()?.parse().ok()
    }
}

impl Value for u16 {
    const KIND: Kind = Kind::Number(Self::MAX as u64);

    fn parse(value: &[u8]) -> Option<Self> {
        core::str::from_utf8(value).ok()?.parse().ok()
    }
}

impl Value for Ipv4Addr {
    const KIND: Kind = Kind::Address;

    fn parse(value: &[u8]) -> Option<Self> {
        core::str::from_utf8(value).ok()?.parse().ok()
    }
}

impl Value for Format {
    const KIND: Kind = Kind::Format;

    fn parse(value: &[u8]) -> Option<Self> {
        match value {
            b"0.11" => Some(Self::V0_11),
            b"2" => Some(Self::V2),
            _ => None,
        }
    }
}

/// A log that is not wanted has no level.
impl Value for Option<Level> {
    const KIND: Kind = Kind::Level;

    fn parse(value: &[u8]) -> Option<Self> {
        match value {
            b"error" => Some(Some(Level::Error)),
            b"warn" => Some(Some(Level::Warn)),
            b"info" => Some(Some(Level::Info)),
            b"debug" => Some(Some(Level::Debug)),
            b"trace" => Some(Some(Level::Trace)),
            b"off" | b"" => Some(None),
            _ => None,
        }
    }
}

macro_rules! optional {
    ($($type:ty),*) => {
        $(impl Value for Option<$type> {
            const KIND: Kind = <$type as Value>::KIND;
            const LEN_MAX: usize = <$type as Value>::LEN_MAX;

            fn parse(value: &[u8]) -> Option<Self> {
                <$type as Value>::parse(value).map(Some)
            }
        })*
    };
}
optional!(Vec<u8>, Labels, u64, u32);
