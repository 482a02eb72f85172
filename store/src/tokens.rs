//! The tokens that let clients in: what each allows, and its hash; never the token itself.
//!
//! They lie in one small file, which is read and replaced without the directory's `LOCK`: tokens are made and revoked
//! while a server runs. The server looks whether the file was replaced before it trusts what it read last, so both
//! take effect with the next request.

use std::collections::BTreeSet;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::layout::Layout;
use crate::profile_id::BASE32;
use crate::scope::Scope;
use crate::{Result, Store, StoreError, durable};

/// The version of the file.
const VERSION: u32 = 1;
/// Random bytes of a token: nobody guesses it, so a plain hash keeps it as safe as a slow one would.
const SECRET_LEN: usize = 32;
const SECRET_PREFIX: &str = "bh_";
const ID_PREFIX: &str = "t_";
/// Bytes of the hash that an id shows.
const ID_LEN: usize = 5;

/// One token, as far as it is known once it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// By which it is revoked.
    pub id: String,
    /// Who, or what, it is for.
    pub name: String,
    /// What it allows.
    pub scopes: BTreeSet<Scope>,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: u64,
}

impl Token {
    /// Whether it allows this.
    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }
}

/// The tokens of one data directory. Clones share what was read last.
#[derive(Clone, Debug)]
pub struct Tokens {
    layout: Layout,
    last_read: Arc<Mutex<Option<LastRead>>>,
}

#[derive(Debug)]
struct LastRead {
    stamp: Stamp,
    entries: Vec<Entry>,
}

/// What tells one state of the file from the next: it is only ever replaced.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    modified: (i64, i64),
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Document {
    version: u32,
    tokens: Vec<Entry>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    token: Token,
    #[serde(with = "hex")]
    hash: blake3::Hash,
}

impl Tokens {
    /// The tokens of a data directory, which another process may hold. An empty or missing directory becomes one.
    pub fn of(dir: &Path) -> Result<Self> {
        let tokens = Self::new(Layout::new(dir));
        if !tokens.layout.lock().exists() {
            drop(Store::open(dir)?);
        }
        Ok(tokens)
    }

    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, last_read: Arc::default() }
    }

    /// Makes a token. The secret is given here and never again.
    pub fn create(&self, name: &str, scopes: BTreeSet<Scope>) -> Result<(String, Token)> {
        let secret = secret()?;
        let hash = blake3::hash(secret.as_bytes());
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let token = Token {
            id: format!("{ID_PREFIX}{}", BASE32.encode(&hash.as_bytes()[..ID_LEN])),
            name: name.to_owned(),
            scopes,
            created_at_ms: since_epoch.as_millis() as u64,
        };
        let entry = Entry { token: token.clone(), hash };
        self.change(|entries| {
            entries.push(entry);
            Ok(())
        })?;
        Ok((secret, token))
    }

    /// All tokens, the oldest first.
    pub fn list(&self) -> Result<Vec<Token>> {
        Ok(self.read()?.into_iter().map(|entry| entry.token).collect())
    }

    /// Takes a token back.
    pub fn revoke(&self, id: &str) -> Result<()> {
        self.change(|entries| {
            let place = entries.iter().position(|entry| entry.token.id == id);
            let unknown = || StoreError::NotFound { what: format!("the token `{id}`") };
            entries.remove(place.ok_or_else(unknown)?);
            Ok(())
        })
    }

    /// The token whose secret this is.
    pub fn find(&self, secret: &str) -> Result<Option<Token>> {
        let hash = blake3::hash(secret.as_bytes());
        let mut last_read = self.last_read.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.layout.tokens();
        let stamp = match path.metadata() {
            Ok(metadata) => Stamp::of(&metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("look at", &path)(error)),
        };
        if last_read.as_ref().is_none_or(|last| last.stamp != stamp) {
            *last_read = Some(LastRead { stamp, entries: self.read()? });
        }
        let entries = last_read.as_ref().map_or(&[][..], |last| &last.entries);
        // The comparison of hashes takes the same time wherever they differ.
        Ok(entries.iter().find(|entry| entry.hash == hash).map(|entry| entry.token.clone()))
    }

    fn read(&self) -> Result<Vec<Entry>> {
        let path = self.layout.tokens();
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            read => read.map_err(StoreError::io("read", &path))?,
        };
        let damaged = |_| StoreError::corrupt(format!("`{}`", path.display()));
        let document: Document = serde_json::from_slice(&bytes).map_err(damaged)?;
        match document.version {
            VERSION => Ok(document.tokens),
            found => {
                Err(StoreError::Version { what: format!("`{}`", path.display()), found, expected: VERSION })
            }
        }
    }

    /// One process changes the file at a time.
    fn change(&self, change: impl FnOnce(&mut Vec<Entry>) -> Result<()>) -> Result<()> {
        let path = self.layout.tokens_lock();
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(&path).map_err(StoreError::io("open", &path))?;
        lock.lock().map_err(StoreError::io("lock", &path))?;
        let mut tokens = self.read()?;
        change(&mut tokens)?;
        let document = Document { version: VERSION, tokens };
        let bytes = serde_json::to_vec_pretty(&document)
            .map_err(|error| StoreError::Refused(format!("the tokens cannot be written: {error}")))?;
        durable::replace(&self.layout.tokens(), &self.layout.tokens_staging(), &bytes)
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { inode: metadata.ino(), modified: (metadata.mtime(), metadata.mtime_nsec()) }
    }
}

fn secret() -> Result<String> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0; SECRET_LEN];
    File::open(source)
        .and_then(|mut random| random.read_exact(&mut bytes))
        .map_err(StoreError::io("read", source))?;
    Ok(format!("{SECRET_PREFIX}{}", BASE32.encode(&bytes)))
}

/// A hash as JSON has it.
mod hex {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(hash: &blake3::Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hash.to_hex())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<blake3::Hash, D::Error> {
        let text = String::deserialize(deserializer)?;
        blake3::Hash::from_hex(text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn scopes(scopes: &[Scope]) -> BTreeSet<Scope> {
        scopes.iter().copied().collect()
    }

    #[test]
    fn a_token_is_found_by_its_secret_until_it_is_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(folder.path()).unwrap();
        let (secret, token) = tokens.create("ci", scopes(&[Scope::Read, Scope::Write])).unwrap();
        assert_eq!(tokens.find(&secret).unwrap().as_ref(), Some(&token));
        assert!(token.allows(Scope::Write) && !token.allows(Scope::Script));
        assert_eq!(tokens.find(&format!("{secret}x")).unwrap(), None);
        assert_eq!(tokens.find("").unwrap(), None);

        // As another process does it.
        Tokens::of(folder.path()).unwrap().revoke(&token.id).unwrap();
        assert_eq!(tokens.find(&secret).unwrap(), None);
        assert!(matches!(tokens.revoke(&token.id), Err(StoreError::NotFound { .. })));
    }

    #[test]
    fn the_secret_is_not_in_the_file_and_the_file_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(folder.path()).unwrap();
        let (secret, _) = tokens.create("ci", scopes(&[Scope::Admin])).unwrap();
        let path = tokens.layout.tokens();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"ci\"") && !text.contains(&secret) && !text.contains(&secret[3..]));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn tokens_are_made_while_a_server_holds_the_directory_and_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (secret, token) =
            Tokens::of(folder.path()).unwrap().create("admin", scopes(&[Scope::Admin])).unwrap();
        assert_eq!(store.tokens().find(&secret).unwrap(), Some(token));
        drop(store);
        let again = Store::open(folder.path()).unwrap();
        assert_eq!(again.tokens().list().unwrap().len(), 1);
        assert!(Scope::ALL.into_iter().all(|scope| again.tokens().list().unwrap()[0].allows(scope)));
    }

    #[test]
    fn a_damaged_file_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(folder.path()).unwrap();
        let (secret, _) = tokens.create("ci", scopes(&[Scope::Read])).unwrap();
        std::fs::write(tokens.layout.tokens(), "{").unwrap();
        assert!(matches!(Tokens::of(folder.path()).unwrap().find(&secret), Err(StoreError::Corrupt { .. })));
    }
}
