//! Finding profiles by what a person calls them.

use std::collections::BTreeMap;

use crate::{ProfileId, ProfileRecord, Result, Store};

impl Store {
    /// The profile that a text means: its id, which need not exist; the data id of its capture, of which the newest ready
    /// profile is taken; or `last`, the newest of all that are ready.
    pub fn named(&self, text: &str) -> Result<Option<ProfileId>> {
        if let Ok(id) = ProfileId::parse(text) {
            return Ok(Some(id));
        }
        let is_meant = |record: &ProfileRecord| text == "last" || record.data_id.as_deref() == Some(text);
        Ok(self.ready()?.find(is_meant).map(|record| record.id))
    }

    /// The ready profiles that have all these labels, the newest first.
    pub fn labelled(&self, labels: &BTreeMap<String, String>) -> Result<Vec<ProfileId>> {
        let has_all = |record: &ProfileRecord| {
            labels.iter().all(|(label, value)| record.labels.get(label) == Some(value))
        };
        Ok(self.ready()?.filter(has_all).map(|record| record.id).collect())
    }

    fn ready(&self) -> Result<impl Iterator<Item = ProfileRecord>> {
        let is_ready = |record: &ProfileRecord| record.state.answering().is_some();
        Ok(self.catalog().list()?.into_iter().filter(is_ready))
    }
}
