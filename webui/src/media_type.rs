//! The media types of what a build of the application contains.

/// Guessed from the extension; text says that it is UTF-8.
pub(crate) fn of(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn scripts_and_fonts_are_what_a_strict_browser_accepts() {
        assert_eq!(of("assets/index-BVqZBfde.js"), "text/javascript; charset=utf-8");
        assert_eq!(of("assets/plex.woff2"), "font/woff2");
    }

    #[test]
    fn the_unknown_is_only_bytes() {
        assert_eq!(of("LICENSE"), "application/octet-stream");
        assert_eq!(of("a.b/c"), "application/octet-stream");
    }
}
