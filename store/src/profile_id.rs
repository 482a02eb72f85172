//! A profile's identity: the hash of its bytes.

use std::fmt;
use std::str::FromStr;

use data_encoding::{Encoding, Specification};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

use crate::StoreError;

/// `p_` and the first 20 bytes of the capture's BLAKE3 hash in lower-case base32: the same bytes are the same profile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct ProfileId(String);

const PREFIX: &str = "p_";
/// 160 bits: no two captures share them by accident, and the base32 text has no padding.
const HASH_LEN: usize = 20;

/// Lower-case, without padding.
pub(crate) static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    specification.encoding().expect("32 distinct symbols are a base32 alphabet")
});

impl ProfileId {
    pub(crate) fn of(hash: &blake3::Hash) -> Self {
        Self(format!("{PREFIX}{}", BASE32.encode(&hash.as_bytes()[..HASH_LEN])))
    }

    /// Reads an id as [`Display`](fmt::Display) writes it; anything else is refused, so an id is safe in a file name.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let refuse = || StoreError::InvalidProfileId(text.chars().take(64).collect());
        let digits = text.strip_prefix(PREFIX).ok_or_else(refuse)?;
        match BASE32.decode(digits.as_bytes()) {
            Ok(hash) if hash.len() == HASH_LEN => Ok(Self(text.to_owned())),
            _ => Err(refuse()),
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ProfileId {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for ProfileId {
    type Error = StoreError;

    fn try_from(text: String) -> Result<Self, StoreError> {
        Self::parse(&text)
    }
}

impl From<ProfileId> for String {
    fn from(id: ProfileId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_and_nothing_else_is_an_id() {
        let id = ProfileId::of(&blake3::hash(b"capture"));
        assert_eq!(id.as_str().len(), 34);
        assert_eq!(ProfileId::parse(&id.to_string()).unwrap(), id);
        for wrong in [
            "",
            "p_",
            "p_abc",
            "last",
            "../p_x",
            &id.as_str()[2..],
            &id.as_str().to_uppercase(),
            &format!("{id}a"),
        ] {
            assert!(ProfileId::parse(wrong).is_err(), "{wrong}");
        }
    }
}
