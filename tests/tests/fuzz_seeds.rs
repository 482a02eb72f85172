//! The seeds of the fuzzers, and what is near them, hold on every compiler.

use anyhow::Result;
use bytehound_tests::{fuzzed, root};
use std::fs;

/// Of a seed so many bytes are inverted, each in a copy of its own, and so many beginnings are taken.
const NEIGHBOURS: usize = 64;

#[test]
fn every_target_stands_its_seeds_and_what_is_near_them() -> Result<()> {
    for (name, target) in fuzzed::ALL {
        let mut seeds = 0;
        for entry in fs::read_dir(root().join("fuzz/seeds").join(name))? {
            let seed = fs::read(entry?.path())?;
            target(&seed);
            for at in (0..seed.len()).step_by(seed.len().div_ceil(NEIGHBOURS).max(1)) {
                target(&seed[..at]);
                let mut near = seed.clone();
                near[at] ^= 0xff;
                target(&near);
            }
            seeds += 1;
        }
        assert!(seeds > 0, "`{name}` has no seeds");
    }
    Ok(())
}

#[test]
fn every_target_has_its_program() -> Result<()> {
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml"))?;
    for (name, _) in fuzzed::ALL {
        let program = fs::read_to_string(root().join("fuzz/fuzz_targets").join(format!("{name}.rs")))?;
        assert!(program.contains(&format!("fuzzed::{name}(")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), fuzzed::ALL.len());
    Ok(())
}
