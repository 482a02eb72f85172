//! The variables that steer a capture, in one table: their names, what they may hold, what holds without them, and
//! what they mean.
//!
//! The capture library reads its settings with this table, `bytehound run` looks with it for variables that do not do
//! what they seem to, and a test holds the documentation to it.

mod table;
mod value;
mod warnings;

pub use table::{EXECUTED, REGION, Setting, Settings, TABLE};
pub use value::{Format, Kind, Level};
pub use warnings::warnings;

/// What the names of all settings begin with.
pub const PREFIX: &str = "MEMORY_PROFILER_";

/// Longer values are ignored. Labels, which `bytehound run` makes of its arguments, may be longer.
pub const VALUE_LEN_MAX: usize = 1024;

/// A setting's name without the prefix, and its value, of `NAME=VALUE`; none if that is no setting.
fn split(entry: &[u8]) -> Option<(&str, &[u8])> {
    let setting = entry.strip_prefix(PREFIX.as_bytes())?;
    let equals = setting.iter().position(|&byte| byte == b'=')?;
    let (name, value) = setting.split_at(equals);
    Some((core::str::from_utf8(name).ok()?, value.get(1..)?))
}
