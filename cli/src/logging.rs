//! The log: standard error, `RUST_LOG` decides how much.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts the log; without `RUST_LOG` it says what is of this level or graver.
pub(crate) fn start(level: &str) {
    // On every start these say what they are doing.
    let default = format!("{level},sled=error,actix_server=warn");
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}
