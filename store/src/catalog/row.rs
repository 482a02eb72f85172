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
        Ok(framed(&body))
    }

    /// `None` when the bytes are damaged or of another version: such a row is taken from the `.meta` again.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (header, body) = bytes.split_at_checked(HEADER_LEN)?;
        let whole = header[0] == VERSION && header[1..] == xxh3_64(body).to_le_bytes();
        if whole { rmp_serde::from_slice(body).ok() } else { None }
    }
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&[VERSION][..], &xxh3_64(body).to_le_bytes(), body].concat()
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{FailureCause, Origin, ProfileId, ProfileState};

    #[test]
    fn a_record_of_an_earlier_version_is_read_without_what_that_did_not_tell() {
        let record = ProfileRecord {
            id: ProfileId::parse("p_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap(),
            name: "old".to_owned(),
            labels: Default::default(),
            origin: Origin::Uploaded,
            size_bytes: 1,
            created_at_ms: 2,
            data_id: None,
            state: ProfileState::Failed { reason: "cut".to_owned(), cause: FailureCause::NoRoom },
            summary: None,
            damage: None,
        };
        let row = Row::new(record);
        let mut body: Value = rmp_serde::from_slice(&row.encode().unwrap()[HEADER_LEN..]).unwrap();
        let all = body.as_object_mut().unwrap();
        all.remove("leased_until_ms").unwrap();
        all.remove("symcaches").unwrap();
        all["record"].as_object_mut().unwrap().remove("damage").unwrap();
        all["record"]["state"] = json!({"Failed": {"reason": "cut"}});
        let read = Row::decode(&framed(&rmp_serde::to_vec_named(&body).unwrap())).unwrap();
        assert_eq!(read.record.state.failure(), Some(FailureCause::Error));
        let state = row.record.state.clone();
        assert_eq!(Row { record: ProfileRecord { state, ..read.record }, ..read }, row);
    }
}
