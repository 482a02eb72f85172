//! What the operator of a server decides: on the command line, in the environment, or in a file.

use crate::arguments::{DataDir, bytes};
use crate::logging::LogFormat;
use bytehound_api::ApiOptions;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// The arguments of `server`. Each long name but `--config` and `--help` is a name in the file, too.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// Captures to index
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// A TOML file with the same names as these flags; flags and variables win over it
    #[arg(long, value_name = "FILE", env = "BYTEHOUND_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
    /// Interface to listen on; on another than loopback, tokens are required
    #[arg(short, long, value_name = "ADDRESS", default_value = "127.0.0.1", env = "BYTEHOUND_INTERFACE")]
    pub(crate) interface: String,
    /// Port to listen on; 0 lets the system choose
    #[arg(short, long, default_value_t = 8080, env = "BYTEHOUND_PORT")]
    pub(crate) port: u16,
    /// Lets in only who shows a token, on loopback, too: as behind a proxy
    #[arg(long, env = "BYTEHOUND_REQUIRE_TOKEN")]
    pub(crate) require_token: bool,
    /// A name under which browsers may reach the server, beside addresses and `localhost`; may be repeated
    #[arg(long, value_name = "NAME", value_delimiter = ',', env = "BYTEHOUND_HOST_NAME")]
    pub(crate) host_name: Vec<String>,
    /// An origin whose pages may ask and read answers, as `https://dashboard.example`, or `*` for all; may be repeated
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',', env = "BYTEHOUND_CORS_ORIGIN")]
    pub(crate) cors_origin: Vec<String>,
    /// What the data directory may take, as 500M or 20G: beyond it the oldest profiles without labels are deleted
    #[arg(long, value_name = "BYTES", value_parser = bytes, env = "BYTEHOUND_MAX_BYTES")]
    pub(crate) max_bytes: Option<u64>,
    /// Bytes of one upload, before and after decompression
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 30, env = "BYTEHOUND_MAX_UPLOAD_BYTES")]
    pub(crate) max_upload_bytes: u64,
    /// Bytes of one script
    #[arg(long, value_name = "BYTES", default_value_t = 262_144, env = "BYTEHOUND_MAX_SCRIPT_BYTES")]
    pub(crate) max_script_bytes: usize,
    /// Bytes of one JSON request
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20, env = "BYTEHOUND_MAX_JSON_BYTES")]
    pub(crate) max_json_bytes: usize,
    /// Bytes of a query string
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 10, env = "BYTEHOUND_MAX_QUERY_BYTES")]
    pub(crate) max_query_bytes: usize,
    /// Scripts that run at a time [default: as many as there are cores]
    #[arg(long, value_name = "COUNT", env = "BYTEHOUND_MAX_SCRIPTS")]
    pub(crate) max_scripts: Option<usize>,
    /// Seconds that an upload or an index may take to end after the first SIGTERM or SIGINT
    #[arg(long, value_name = "SECONDS", default_value_t = 30, env = "BYTEHOUND_SHUTDOWN_SECONDS")]
    pub(crate) shutdown_seconds: u64,
    /// How the log is written to standard error; `RUST_LOG` decides how much
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text, env = "BYTEHOUND_LOG_FORMAT")]
    pub(crate) log_format: LogFormat,
    /// Files with debug information, or folders to be searched for them, matched by build-id; may be repeated
    #[arg(short, long, value_name = "PATH", num_args = 1.., env = "BYTEHOUND_DEBUG_SYMBOLS")]
    pub(crate) debug_symbols: Vec<PathBuf>,
}

impl ServerArguments {
    pub(super) fn api_options(&self) -> ApiOptions {
        let defaults = ApiOptions::default();
        ApiOptions {
            interface: self.interface.clone(),
            port: self.port,
            host_names: self.host_name.clone(),
            cors_origins: self.cors_origin.clone(),
            require_token: self.require_token,
            max_upload_bytes: self.max_upload_bytes,
            max_script_bytes: self.max_script_bytes,
            max_json_bytes: self.max_json_bytes,
            max_query_bytes: self.max_query_bytes,
            max_scripts: self.max_scripts.unwrap_or(defaults.max_scripts),
            ..defaults
        }
    }

    pub(super) fn shutdown_grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_seconds)
    }
}

#[cfg(test)]
mod tests {
    use crate::arguments::Arguments;
    use clap::CommandFactory;

    /// Name, variable and default of every setting, as its documentation has them.
    fn documented() -> Vec<[String; 3]> {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/server.md");
        let page = std::fs::read_to_string(page).unwrap();
        let rows = page.lines().filter(|line| line.starts_with("| `--"));
        let cell =
            |text: &str| text.trim().trim_matches('`').split(' ').next().unwrap_or_default().to_owned();
        rows.map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            [cell(cells[1]), cell(cells[2]), cell(cells[3]).replace('`', "")]
        })
        .collect()
    }

    #[test]
    fn the_settings_are_those_that_the_documentation_has() {
        let command = Arguments::command();
        let server = command.find_subcommand("server").unwrap();
        let settings = server.get_arguments().filter(|argument| argument.get_long().is_some());
        let settings = settings.map(|argument| {
            let default = argument.get_default_values().first();
            let default = default.map(|value| value.to_string_lossy().into_owned());
            let variable = argument.get_env().expect("every setting has a variable");
            let name = format!("--{}", argument.get_long().unwrap());
            (name, variable.to_string_lossy().into_owned(), default)
        });
        let (settings, documented): (Vec<_>, _) = (settings.collect(), documented());
        assert_eq!(settings.len(), documented.len());
        for (name, variable, default) in settings {
            let row = documented.iter().find(|row| row[0] == name).unwrap_or_else(|| panic!("`{name}`"));
            assert_eq!(row[1], variable, "{name}");
            if let Some(default) = default {
                assert_eq!(row[2], default, "{name}");
            }
        }
    }
}
