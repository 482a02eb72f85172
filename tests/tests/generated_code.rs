//! Code that is generated at run time: its frames are left, and named if somebody tells of them.

use anyhow::Result;
use bytehound_index::Row;
use bytehound_tests::{Run, allocations_at, check, functions_of, index, preloaded};
use std::fs;
use tempfile::tempdir;

#[test]
fn generated_code_is_left_by_registered_tables_or_frame_pointers_or_not_at_all() -> Result<()> {
    let run = Run::of("generated.c", &[])?;
    let profile = check(&run)?;
    let mut seen = 0;
    for (site, block) in allocations_at(&profile, &run.told) {
        let functions: Vec<_> = functions_of(&profile, block.backtrace).collect();
        let caller = match site {
            "from_tables" => Some("with_tables"),
            "from_frame_pointer" => Some("with_frame_pointer"),
            "from_other_code" => Some("with_other_code"),
            _ => None,
        };
        match caller {
            Some(caller) => {
                assert!(functions.contains(&caller) && functions.contains(&"main"), "{site}: {functions:?}");
            }
            None => assert!(!functions.contains(&"main"), "{site}: {functions:?}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 5000);
    Ok(())
}

const SCRIPT: &str = "
function makesBuffersApart(count) {
    const kept = [];
    for (let i = 0; i < count; i++) kept.push(Buffer.allocUnsafeSlow(77001));
    return kept.length;
}
let total = 0;
for (let i = 0; i < 100; i++) total += makesBuffersApart(10);
console.log(`total=${total}`);
";

#[test]
fn functions_of_javascript_have_the_names_that_node_tells() -> Result<()> {
    for format in ["2", "0.11"] {
        let folder = tempdir()?;
        fs::write(folder.path().join("script.js"), SCRIPT)?;
        let words = ["node", "--perf-basic-prof", "--interpreted-frames-native-stack", "script.js"];
        let ended = preloaded(folder.path(), &words, &[("FORMAT", format)])?;
        assert_eq!((ended.code, ended.said("total")), (Some(0), Some(1000)), "{}", ended.stderr);
        let profile = index(&folder.path().join("program.dat"))?;
        let buffers = (0..profile.row_count()).map(|row| profile.allocation(Row(row)));
        let buffers: Vec<_> = buffers.filter(|block| block.size == 77001).collect();
        assert_eq!(buffers.len(), 1000);
        for block in buffers {
            let backtrace = profile.backtrace(block.backtrace);
            let maker = backtrace
                .frames()
                .find(|frame| frame.name().is_some_and(|name| name.contains("makesBuffersApart")));
            let names: Vec<_> = backtrace.frames().filter_map(|frame| frame.name()).collect();
            assert_eq!(maker.and_then(|frame| frame.library), Some("[jit]"), "{format}: {names:?}");
        }
    }
    Ok(())
}
