//! A record as bytes: `version u8 · xxh3 u64 · MessagePack`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::{Generation, ProfileRecord, Result, StoreError};

const VERSION: u8 = 1;
const HEADER_LEN: usize = 9;

/// What the catalogue stores of a profile: its record, and what readers don't see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) record: ProfileRecord,
    /// The newest build that was begun; only it may be published.
    pub(super) newest: Generation,
    /// Until when the builder has it, in milliseconds since 1970; none is for ever.
    #[serde(default)]
    pub(super) leased_until_ms: Option<u64>,
    /// The symcaches that its names come from, once a build has told.
    #[serde(default)]
    pub(super) symcaches: Option<BTreeSet<String>>,
}

impl Row {
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let refuse = |error| {
            StoreError::Refused(format!("the record of `{}` has no encoding: {error}", self.record.id))
        };
        let body = rmp_serde::to_vec_named(self).map_err(refuse)?;
        let mut bytes = Vec::with_capacity(HEADER_LEN + body.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&xxh3_64(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// `None` when the bytes are damaged or of another version: such a row is taken from the `.meta` again.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (header, body) = bytes.split_at_checked(HEADER_LEN)?;
        let whole = header[0] == VERSION && header[1..] == xxh3_64(body).to_le_bytes();
        if whole { rmp_serde::from_slice(body).ok() } else { None }
    }
}

/// Paths as text where they are text, else as bytes: Linux paths need not be UTF-8.
pub(super) mod path_text {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Text {
        Utf8(String),
        Bytes(Vec<u8>),
    }

    pub(in crate::catalog) fn serialize<S: Serializer>(
        path: &Path,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => serializer.serialize_str(text),
            None => path.as_os_str().as_bytes().serialize(serializer),
        }
    }

    pub(in crate::catalog) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<PathBuf, D::Error> {
        Ok(match Text::deserialize(deserializer)? {
            Text::Utf8(text) => text.into(),
            Text::Bytes(bytes) => OsString::from_vec(bytes).into(),
        })
    }
}
