//! What the operator decides about the API.

use std::time::Duration;

/// Where the API listens, and what it lets in.
#[derive(Clone, Debug)]
pub struct ApiOptions {
    /// Name or address of the interface.
    pub interface: String,
    /// Port; 0 lets the system choose one.
    pub port: u16,
    /// Names, beside addresses and `localhost`, under which browsers may reach the service.
    pub host_names: Vec<String>,
    /// Origins whose pages may ask, and read the answers; `*` is every one.
    pub cors_origins: Vec<String>,
    /// Whether tokens are required on loopback, too; on other interfaces they always are.
    pub require_token: bool,
    /// Bytes of one upload, before and after decompression.
    pub max_upload_bytes: u64,
    /// Memory that uploads may take, all together.
    pub upload_memory_bytes: u64,
    /// Bytes of one script.
    pub max_script_bytes: usize,
    /// Bytes of one JSON request.
    pub max_json_bytes: usize,
    /// Bytes of a query string.
    pub max_query_bytes: usize,
    /// Scripts that run at a time.
    pub max_scripts: usize,
    /// How long an upload may send nothing.
    pub upload_idle: Duration,
    /// Silence after which an event stream sends a comment, so that proxies keep it open.
    pub heartbeat: Duration,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            interface: "127.0.0.1".to_owned(),
            port: 8080,
            host_names: Vec::new(),
            cors_origins: Vec::new(),
            require_token: false,
            max_upload_bytes: 64 << 30,
            upload_memory_bytes: 512 << 20,
            max_script_bytes: 262_144,
            max_json_bytes: 1 << 20,
            max_query_bytes: 16 << 10,
            max_scripts: std::thread::available_parallelism().map_or(1, usize::from),
            upload_idle: Duration::from_secs(60),
            heartbeat: Duration::from_secs(15),
        }
    }
}
