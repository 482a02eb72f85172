//! The data directory, through the server that has it open.

use super::keeper::Keeper;
use crate::client::{Client, Credentials};
use anyhow::{Context, Result};
use bytehound_store::{Freed, ProfileId, Stat, Verified};
use serde_json::Value;

pub(super) struct Server {
    client: Client,
}

impl Server {
    pub(super) fn new(url: &str, credentials: &Credentials) -> Self {
        Self { client: Client::new(url, credentials) }
    }
}

impl Keeper for Server {
    fn stat(&self) -> Result<Stat> {
        Ok(serde_json::from_value(self.client.ask("/v1/store")?)?)
    }

    fn profiles(&self) -> Result<Vec<ProfileId>> {
        let mut found = Vec::new();
        let mut path = "/v1/profiles".to_owned();
        loop {
            let page = self.client.ask(&path)?;
            let profiles = page["profiles"].as_array().context("the server's answer has no profiles")?;
            for profile in profiles {
                found.push(serde_json::from_value(profile["id"].clone())?);
            }
            match &page["next"] {
                Value::String(cursor) => path = format!("/v1/profiles?cursor={cursor}"),
                _ => return Ok(found),
            }
        }
    }

    fn verify(&self, id: &ProfileId) -> Result<Verified> {
        Ok(serde_json::from_value(self.client.tell(&format!("/v1/profiles/{id}/verify"))?)?)
    }

    fn gc(&self) -> Result<Freed> {
        Ok(serde_json::from_value(self.client.tell("/v1/store/gc")?)?)
    }

    fn reindex(&self, id: &ProfileId) -> Result<()> {
        self.client.tell(&format!("/v1/profiles/{id}/reindex"))?;
        self.client.wait_until_ready(id.as_str())
    }

    fn advice(&self) -> &'static str {
        "the server builds a damaged index again; a damaged capture has to be uploaded again"
    }
}
