//! `Repr-Digest`: what a sender says that its body hashes to, as [RFC 9530](https://www.rfc-editor.org/rfc/rfc9530)
//! writes it. SHA-256 is compared; other algorithms are passed over.

use crate::errors::{BAD_PARAMETER, OTHER_BYTES};
use crate::parameter::Parameter;
use crate::problem::Problem;
use actix_web::HttpRequest;
use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};

pub(crate) const REPR_DIGEST: Parameter = Parameter::text(
    "repr-digest",
    "`sha-256=:…:`, of the body as it is sent; one that is another is refused",
);

const ALGORITHM: &str = "sha-256";

/// The digest that was announced, and that of what has come.
pub(crate) struct Digest {
    announced: Vec<u8>,
    came: Sha256,
}

impl Digest {
    /// What a request announces, if it does.
    pub(crate) fn of_request(request: &HttpRequest) -> Result<Option<Self>, Problem> {
        let values = request.headers().get_all("repr-digest").filter_map(|value| value.to_str().ok());
        let mut members =
            values.flat_map(|value| value.split(',')).filter_map(|member| member.split_once('='));
        let Some((_, value)) = members.find(|(name, _)| name.trim() == ALGORITHM) else { return Ok(None) };
        let encoded = value.trim().strip_prefix(':').and_then(|value| value.strip_suffix(':'));
        let announced = encoded.and_then(|encoded| BASE64.decode(encoded.as_bytes()).ok());
        let announced = announced.filter(|digest| digest.len() == Sha256::output_size());
        let unreadable = || {
            let detail =
                format!("`{value}` is no digest: write `{ALGORITHM}=:`, 32 bytes in base64, and `:`");
            Problem::new(&BAD_PARAMETER, detail)
        };
        Ok(Some(Self { announced: announced.ok_or_else(unreadable)?, came: Sha256::new() }))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.came.update(bytes);
    }

    /// Refuses what is not what was announced.
    pub(crate) fn check(self) -> Result<(), Problem> {
        let Self { announced, came } = self;
        let came = came.finalize();
        if came[..] == announced[..] {
            return Ok(());
        }
        let [announced, came] = [&announced[..], &came[..]].map(|digest| BASE64.encode(digest));
        let detail = format!("the body hashes to `{came}`, not to `{announced}`; send it again");
        Err(Problem::new(&OTHER_BYTES, detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    /// Of nothing.
    const EMPTY: &str = ":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

    fn digest(header: &str) -> Result<Option<Digest>, Problem> {
        let request = TestRequest::default().insert_header(("repr-digest", header));
        Digest::of_request(&request.to_http_request())
    }

    #[test]
    fn what_was_announced_has_to_come() {
        let announced = || digest(&format!("sha-512=:AAAA:, sha-256={EMPTY}")).unwrap().unwrap();
        assert!(announced().check().is_ok());
        let mut other = announced();
        other.update(b"x");
        assert_eq!(other.check().unwrap_err().kind, &OTHER_BYTES);
    }

    #[test]
    fn a_digest_is_32_bytes_and_other_algorithms_are_passed_over() {
        for header in ["sha-256=", "sha-256=:AAAA:", "sha-256=:*:", &EMPTY.replace(':', "sha-256=")] {
            assert!(digest(header).is_err(), "{header}");
        }
        assert!(digest("sha-512=:AAAA:").unwrap().is_none());
    }
}
