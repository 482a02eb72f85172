//! The maps of a process, and which module an address lies in.

use bytehound_symbols::{AddressSpace, Binary, BinaryId, LoadSegment, MapEntry, parse_maps};

const MAPS: &str = "\
55d000000000-55d000001000 r--p 00000000 08:01 42                         /usr/bin/my program
55d000001000-55d000003000 r-xp 00001000 08:01 42                         /usr/bin/my program
55d000003000-55d000004000 r--p 00003000 08:01 42                         /usr/bin/my program
55d000004000-55d000005000 r--p 00003000 08:01 42                         /usr/bin/my program
55d000005000-55d000006000 rw-p 00004000 08:01 42                         /usr/bin/my program
55d000100000-55d000121000 rw-p 00000000 00:00 0                          [heap]
7f0000000000-7f0000001000 rw-s 00000000 00:05 77                         /dev/shm/shared
7f0000001000-7f0000002000 r-xp 00002000 fe:1a 78                         /lib/other.so (deleted)
7f0000002000-7f0000003000 rw-p 00000000 00:00 0
7fff00000000-7fff00001000 r-xp 00000000 00:00 0                          [vdso]
";

fn segment(file_offset: u64, address: u64, size: u64, permissions: &str) -> LoadSegment {
    LoadSegment {
        file_offset,
        address,
        file_size: size,
        memory_size: size,
        readable: permissions.contains('r'),
        writable: permissions.contains('w'),
        executable: permissions.contains('x'),
        alignment: 0x1000,
    }
}

/// The segments of a usual program: the data segment starts in the middle of a page, away from its file
/// offset.
fn program() -> Binary {
    let segments = vec![
        segment(0, 0, 0x800, "r"),
        segment(0x1000, 0x1000, 0x1800, "rx"),
        segment(0x3000, 0x3000, 0x400, "r"),
        segment(0x3d90, 0x4d90, 0x600, "rw"),
    ];
    Binary { id: BinaryId::parse("c0ffee").unwrap(), segments }
}

#[test]
fn a_line_has_its_parts() {
    let entries = parse_maps(MAPS);
    assert_eq!(entries.len(), 10);
    let expected = MapEntry {
        start: 0x7f00_0000_1000,
        end: 0x7f00_0000_2000,
        readable: true,
        writable: false,
        executable: true,
        shared: false,
        file_offset: 0x2000,
        major: 0xfe,
        minor: 0x1a,
        inode: 78,
        name: "/lib/other.so (deleted)".into(),
    };
    assert_eq!(entries[7], expected);
    assert_eq!(entries[8].name, "");
    assert!(entries[6].shared);
}

#[test]
fn damaged_lines_are_skipped_and_the_rest_is_read() {
    let bad = [
        "",
        "garbage",
        "1000-2000",
        "1000-2000 r--p 0 00:00",
        "2000-1000 r--p 0 00:00 0 backwards",
        "1000-1000 r--p 0 00:00 0 empty",
        "1000 r--p 0 00:00 0 name",
        "1000-2000 r--pp 0 00:00 0 name",
        "1000-2000 r--é 0 00:00 0 name",
        "1000-2000 r--p zz 00:00 0 name",
        "1000-2000 r--p 0 0000 0 name",
        "10000000000000000-20000000000000000 r--p 0 00:00 0 name",
    ];
    let good = "1000-2000 r--p 00000000 00:00 7 /a";
    for line in bad {
        let entries = parse_maps(&format!("{line}\n{good}\n{line}"));
        assert_eq!(entries.len(), 1, "{line}");
        assert_eq!(entries[0].name, "/a");
    }
    // A text cut in the middle of a line still gives the lines before it.
    assert_eq!(parse_maps(&MAPS[..200]).len(), 2);
}

#[test]
fn the_maps_of_this_process_hold_this_function_and_its_stack() {
    let entries = parse_maps(&std::fs::read_to_string("/proc/self/maps").unwrap());
    let holder =
        |address: u64| entries.iter().find(|entry| (entry.start..entry.end).contains(&address)).unwrap();
    let function = holder(holds_a_closing_paren as fn() as usize as u64);
    assert!(function.executable && !function.writable && function.inode != 0);
    assert_eq!(Some(function.name.as_str()), std::env::current_exe().unwrap().to_str());
    let local = 0_u8;
    assert!(holder(std::ptr::from_ref(&local).addr() as u64).writable);
}

fn holds_a_closing_paren() {}

#[test]
fn addresses_become_addresses_of_the_binary() {
    let binary = program();
    let mut asked = Vec::new();
    let space = AddressSpace::new(&parse_maps(MAPS), &mut |path| {
        asked.push(path.to_owned());
        (path == "/usr/bin/my program").then_some(&binary)
    });
    assert_eq!(asked, ["/usr/bin/my program", "/lib/other.so (deleted)", "[vdso]"]);

    let relative = |address: u64| {
        let place = space.resolve(address).unwrap();
        (place.path, place.binary.map(BinaryId::as_str), place.relative)
    };
    let program = "/usr/bin/my program";
    assert_eq!(relative(0x55d0_0000_0000), (program, Some("c0ffee"), 0));
    assert_eq!(relative(0x55d0_0000_1234), (program, Some("c0ffee"), 0x1234));
    assert_eq!(relative(0x55d0_0000_2fff), (program, Some("c0ffee"), 0x2fff));
    // Read-only after relocation, the data segment is told from the constants by where it starts, not by
    // permissions.
    assert_eq!(relative(0x55d0_0000_5010), (program, Some("c0ffee"), 0x5010));
    // Of a module without its binary the place in the file is known.
    assert_eq!(relative(0x7f00_0000_1010), ("/lib/other.so (deleted)", None, 0x2010));
    assert_eq!(relative(0x7fff_0000_0010), ("[vdso]", None, 0x10));
}

#[test]
fn addresses_outside_of_modules_have_no_place() {
    let space = AddressSpace::new(&parse_maps(MAPS), &mut |_| None);
    let nowhere = [
        0,
        0x55cf_ffff_ffff,
        0x55d0_0000_6000,
        0x55d0_0010_0000,
        0x7f00_0000_0000,
        0x7f00_0000_2000,
        u64::MAX,
    ];
    for address in nowhere {
        assert_eq!(space.resolve(address), None, "{address:#x}");
    }
    assert_eq!(AddressSpace::new(&[], &mut |_| None).resolve(0), None);
}

#[test]
fn mappings_of_one_file_are_one_module() {
    let binary = program();
    let space =
        AddressSpace::new(&parse_maps(MAPS), &mut |path| path.ends_with("program").then_some(&binary));
    let first = space.resolve(0x55d0_0000_0000).unwrap().module;
    assert_eq!(space.resolve(0x55d0_0000_1000).unwrap().module, first);
    assert_ne!(space.resolve(0x7f00_0000_1000).unwrap().module, first);
    assert_eq!(space.modules().len(), 3);
    assert_eq!(space.modules()[first.as_usize()].binary, Some(binary.id));
}

#[test]
fn code_that_no_segment_maps_is_not_taken_for_the_binary() {
    let mut binary = program();
    binary.segments.retain(|segment| !segment.executable);
    let space = AddressSpace::new(&parse_maps(MAPS), &mut |_| Some(&binary));
    let place = space.resolve(0x55d0_0000_1234).unwrap();
    assert_eq!((place.binary, place.relative), (None, 0x1234));
}

#[test]
fn the_order_of_the_lines_does_not_matter() {
    let binary = program();
    let mut entries = parse_maps(MAPS);
    entries.reverse();
    let space = AddressSpace::new(&entries, &mut |_| Some(&binary));
    assert_eq!(space.resolve(0x55d0_0000_1234).unwrap().relative, 0x1234);
}

#[test]
fn extreme_numbers_do_no_harm() {
    let text = "ffffffffffffe000-ffffffffffffffff r-xp ffffffffffffffff 00:00 1 /a";
    let extreme = segment(u64::MAX, u64::MAX, u64::MAX, "rx");
    let binary = Binary { id: BinaryId::parse("c0ffee").unwrap(), segments: vec![extreme; 3] };
    let space = AddressSpace::new(&parse_maps(text), &mut |_| Some(&binary));
    assert!(space.resolve(u64::MAX - 1).is_some());
    assert_eq!(space.resolve(u64::MAX), None);
}
