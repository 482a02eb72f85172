//! `Authorization: Bearer …`: the token, and whether it allows what is asked for.

use crate::errors::{FORBIDDEN, UNAUTHORIZED};
use crate::problem::Problem;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use bytehound_store::{Scope, Tokens};

/// Lets a request pass whose token allows all that it needs.
pub(super) fn check(headers: &HeaderMap, needed: &[Scope], tokens: &Tokens) -> Result<(), Problem> {
    if needed.is_empty() {
        return Ok(());
    }
    let Some(secret) = secret(headers) else {
        return Err(Problem::new(
            &UNAUTHORIZED,
            "send a token: `Authorization: Bearer …`, `--token` or `BYTEHOUND_TOKEN`; `bytehound token create` makes one",
        ));
    };
    let Some(token) = tokens.find(secret)? else {
        return Err(Problem::new(&UNAUTHORIZED, "this token is unknown, or was revoked"));
    };
    match needed.iter().find(|scope| !token.allows(**scope)) {
        None => Ok(()),
        Some(scope) => {
            Err(Problem::new(&FORBIDDEN, format!("this needs the scope `{scope}`, which the token has not")))
        }
    }
}

/// What follows the scheme, whose letters may be of any case.
fn secret(headers: &HeaderMap) -> Option<&str> {
    let (scheme, secret) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    #[test]
    fn only_bearer_tokens_are_tokens() {
        let secret_in = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
            secret(&headers).map(str::to_owned)
        };
        assert_eq!(secret_in("Bearer bh_x").as_deref(), Some("bh_x"));
        assert_eq!(secret_in("bearer  bh_x ").as_deref(), Some("bh_x"));
        for other in ["Basic YTpi", "bh_x", "Bearer", ""] {
            assert_eq!(secret_in(other), None, "{other}");
        }
    }
}
