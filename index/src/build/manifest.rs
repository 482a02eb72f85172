//! The manifest as bytes.

use serde::{Deserialize, Serialize};

use crate::IndexError;
use crate::model::Manifest;

/// Version of the encoding; fields that are added to a manifest do not change it.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Versioned<M> {
    version: u32,
    manifest: M,
}

/// MessagePack with field names.
pub fn encode_manifest(manifest: &Manifest) -> Vec<u8> {
    // Writing plain values to memory has nothing that can fail.
    rmp_serde::to_vec_named(&Versioned { version: VERSION, manifest }).unwrap_or_default()
}

/// The manifest in these bytes.
pub fn decode_manifest(bytes: &[u8]) -> Result<Manifest, IndexError> {
    let damaged = |what: String| IndexError::Damaged { what };
    let Versioned { version, manifest } = rmp_serde::from_slice::<Versioned<Manifest>>(bytes)
        .map_err(|error| damaged(format!("its manifest cannot be read ({error})")))?;
    if version != VERSION {
        return Err(damaged(format!("its manifest has version {version}, this program reads {VERSION}")));
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_comes_back_from_its_bytes() {
        let manifest = Manifest {
            executable: "/bin/true".to_owned(),
            labels: vec![("commit".to_owned(), "ä=1".to_owned())],
            leaked_bytes: u64::MAX,
            defects: vec!["cut".to_owned()],
            ..Manifest::default()
        };
        let decoded = decode_manifest(&encode_manifest(&manifest)).expect("what was just encoded");
        assert_eq!(decoded, manifest);
    }

    #[test]
    fn other_bytes_are_no_manifest() {
        assert!(decode_manifest(b"").is_err());
        assert!(decode_manifest(b"\x01\x02").is_err());
    }
}
