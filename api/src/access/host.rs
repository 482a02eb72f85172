//! The `Host` that is asked for: a name of this machine that nobody else can give away.

use crate::errors::WRONG_HOST;
use crate::options::ApiOptions;
use crate::problem::Problem;
use actix_web::http::header::{HOST, HeaderMap};
use std::net::IpAddr;

/// The host, if it is an address, `localhost`, or a name that the operator told.
pub(super) fn check<'a>(headers: &'a HeaderMap, options: &ApiOptions) -> Result<&'a str, Problem> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = name_of(host);
    let is_address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
    let is_local =
        name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost");
    let is_told = || {
        let told = options.host_names.iter().chain([&options.interface]);
        told.into_iter().any(|told| told.eq_ignore_ascii_case(name))
    };
    if is_address || is_local || is_told() {
        return Ok(host);
    }
    let detail =
        format!("`{host}` is not a name of this server; ask by its address, or start it with `--host-name`");
    Err(Problem::new(&WRONG_HOST, detail))
}

/// Without the port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn passes(host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        let host_names = vec!["profiler.lan".to_owned()];
        check(&headers, &ApiOptions { host_names, ..Default::default() }).is_ok()
    }

    #[test]
    fn addresses_and_our_own_names_are_let_in() {
        for name in [
            "127.0.0.1:8080",
            "localhost",
            "LOCALHOST:1",
            "[::1]:8080",
            "10.0.0.7",
            "a.localhost",
            "profiler.lan:80",
            "Profiler.LAN",
        ] {
            assert!(passes(name), "{name}");
        }
    }

    #[test]
    fn names_that_others_can_point_here_are_not() {
        for name in
            ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", ""]
        {
            assert!(!passes(name), "{name}");
        }
    }
}
