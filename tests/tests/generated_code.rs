//! Code that is generated at run time: its frames are left, and named if somebody tells of them.

use anyhow::Result;
use bytehound_tests::{Run, allocations_at, check, functions_of};

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
