//! The TypeScript application, and the small crate that embeds its build.
//!
//! The application lives in `app/` and is built by npm into `dist/`, which release builds carry inside the binary and
//! development builds read from the source tree. It speaks to the service over HTTP alone, so this crate knows nothing
//! of the others. Cargo never runs npm: where `dist/` is missing, [`asset`] serves a page that tells how to build it.
//!
//! ```
//! let page = bytehound_webui::asset("index.html").expect("there is always a first page");
//! assert_eq!(page.mime, "text/html; charset=utf-8");
//! assert!(bytehound_webui::asset("no/such/file").is_none());
//! ```

mod media_type;

use std::borrow::Cow;

use rust_embed::{EmbeddedFile, RustEmbed};

/// The page to serve at the root.
pub const INDEX: &str = "index.html";

/// What is served for [`INDEX`] as long as the application was not built.
const NOT_BUILT: &[u8] = include_bytes!("not_built.html");

/// A file of the application, with what HTTP wants to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its content.
    pub bytes: Cow<'static, [u8]>,
    /// The value of `Content-Type`.
    pub mime: &'static str,
    /// The value of `ETag`, quotes included: it changes with the content and with nothing else.
    pub etag: String,
}

/// The file at `path`, as the browser asks for it; the empty path is [`INDEX`].
pub fn asset(path: &str) -> Option<Asset> {
    let path = match path.trim_start_matches('/') {
        "" => INDEX,
        path => path,
    };
    Dist::get(path).map(|file| Asset::new(path, file)).or_else(|| (path == INDEX).then(Asset::not_built))
}

/// Whether the application itself is here, and not only the page that tells how to build it.
pub fn is_built() -> bool {
    Dist::get(INDEX).is_some()
}

impl Asset {
    fn new(path: &str, file: EmbeddedFile) -> Asset {
        Asset { mime: media_type::of(path), etag: quoted_hex(&file.metadata.sha256_hash()), bytes: file.data }
    }

    fn not_built() -> Asset {
        // Weak, and never the tag of a built page: once there is one, browsers must take it.
        Asset {
            bytes: Cow::Borrowed(NOT_BUILT),
            mime: media_type::of(INDEX),
            etag: "W/\"not-built\"".to_owned(),
        }
    }
}

#[derive(RustEmbed)]
#[folder = "dist"]
#[allow_missing = true]
struct Dist;

/// Half of the hash tells files apart well enough.
fn quoted_hex(hash: &[u8; 32]) -> String {
    let digits: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_an_unbuilt_application_says_how_to_build_it() {
        let page = Asset::not_built();
        let text = std::str::from_utf8(&page.bytes).expect("text");
        assert!(text.contains("cargo xtask build"), "{text}");
        assert!(text.starts_with("<!doctype html>"), "{text}");
        assert!(!text.contains("<script"), "the policy of the service would refuse it");
    }

    #[test]
    fn different_content_has_a_different_tag() {
        assert_ne!(quoted_hex(&[1; 32]), quoted_hex(&[2; 32]));
        assert_eq!(quoted_hex(&[0xab; 32]), format!("\"{}\"", "ab".repeat(16)));
    }
}
