//! The pictures that scripts drew: kept for a while, in memory, by their checksum.

use crate::errors::ARTIFACT_NOT_FOUND;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::state::Api;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Beyond this, the oldest go, until they take less than the second.
const BYTES_MAX: usize = 32 << 20;
const BYTES_AFTER_CLEANING: usize = 16 << 20;

/// A flame graph moves by a script of its own, which may do nothing else, wherever the picture is opened.
pub(crate) const PICTURE_POLICY: &str = "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// Shared by all who run scripts.
#[derive(Default)]
pub(crate) struct Artifacts(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    by_checksum: HashMap<String, Arc<[u8]>>,
    oldest_first: VecDeque<String>,
    bytes: usize,
}

impl Artifacts {
    /// Keeps a picture.
    pub(crate) fn keep(&self, checksum: &str, bytes: &Arc<[u8]>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.by_checksum.contains_key(checksum) {
            return;
        }
        kept.make_room();
        kept.bytes += bytes.len();
        kept.oldest_first.push_back(checksum.to_owned());
        kept.by_checksum.insert(checksum.to_owned(), Arc::clone(bytes));
    }

    fn get(&self, checksum: &str) -> Option<Arc<[u8]>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.by_checksum.get(checksum).cloned()
    }
}

impl Kept {
    fn make_room(&mut self) {
        if self.bytes < BYTES_MAX {
            return;
        }
        while self.bytes > BYTES_AFTER_CLEANING
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            let gone = self.by_checksum.remove(&oldest);
            self.bytes -= gone.map_or(0, |bytes| bytes.len());
        }
    }
}

/// `GET /v1/artifacts/{checksum}/{name}`: the name only names what is downloaded.
pub(crate) async fn show(api: Api, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::only(&request, &[])?;
    picture(&api, &request).ok_or_else(|| {
        Problem::new(&ARTIFACT_NOT_FOUND, "it was drawn too long ago, or never; run the script again")
    })
}

/// The picture whose checksum the path has.
pub(crate) fn picture(api: &Api, request: &HttpRequest) -> Option<HttpResponse> {
    let bytes = api.artifacts.get(request.match_info().query("checksum"))?;
    let mut response = HttpResponse::Ok();
    response
        .content_type("image/svg+xml")
        .insert_header((CONTENT_SECURITY_POLICY, PICTURE_POLICY))
        .insert_header((CACHE_CONTROL, "private, max-age=31536000, immutable"));
    Some(response.body(Bytes::from_owner(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_pictures_make_room() {
        let artifacts = Artifacts::default();
        let megabyte: Arc<[u8]> = vec![0; 1 << 20].into();
        for number in 0..33 {
            artifacts.keep(&number.to_string(), &megabyte);
        }
        assert!(artifacts.get("0").is_none());
        assert!(artifacts.get("16").is_some());
        assert!(artifacts.get("32").is_some());
        assert_eq!(artifacts.0.lock().unwrap().bytes, 17 << 20);
    }

    #[test]
    fn the_same_picture_is_kept_once() {
        let artifacts = Artifacts::default();
        let bytes: Arc<[u8]> = vec![1; 10].into();
        artifacts.keep("a", &bytes);
        artifacts.keep("a", &bytes);
        assert_eq!(artifacts.0.lock().unwrap().bytes, 10);
    }
}
