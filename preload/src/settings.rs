//! What the environment asks for.

pub(crate) use bytehound_settings::{EXECUTED, Level, REGION, Settings};

use crate::environment;

/// The settings, and what is doubtful about them.
pub(crate) fn from_environment() -> (Settings, Vec<String>) {
    let mut settings = Settings::default();
    let mut entries = Vec::new();
    environment::for_each(|entry| {
        settings.apply(entry);
        if entry.starts_with(bytehound_settings::PREFIX.as_bytes()) {
            entries.push(entry.to_vec());
        }
    });
    (settings, bytehound_settings::warnings(entries.iter().map(Vec::as_slice)))
}
