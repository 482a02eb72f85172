//! Detours of small functions that are written out here.

use super::*;

/// A function in memory of its own, with room for its detour and for a hook.
struct Written {
    slots: Slots,
    memory: ProcessMemory,
    len: u64,
}

/// mov eax, 77; ret
const HOOK: [u8; 6] = [0xb8, 77, 0, 0, 0, 0xc3];

impl Written {
    fn new(code: &[u8]) -> Self {
        let here: fn(&[u8]) -> Self = Self::new;
        let slots = Slots::near(here as usize as u64, here as usize as u64, 3).unwrap();
        let memory = ProcessMemory::open().unwrap();
        memory.write(slots.at(0), code).unwrap();
        memory.write(slots.at(2), &HOOK).unwrap();
        arch::see_new_instructions();
        Self { slots, memory, len: code.len() as u64 }
    }

    fn patch(&self) -> Outcome {
        let function = Function { address: self.slots.at(0), len: self.len };
        Patch::new(function.address, function.code(), self.slots.at(1), self.slots.at(2), 0)
    }
}

fn call(address: u64, argument: u64) -> u32 {
    let code: *const () = core::ptr::with_exposed_provenance(address as usize);
    // SAFETY: the tests write functions of this type there.
    let function = unsafe { core::mem::transmute::<*const (), extern "C" fn(u64) -> u32>(code) };
    function(argument)
}

/// The function leads to the hook, and what was moved away does what the function did.
fn check(code: &[u8]) {
    let written = Written::new(code);
    let patch = written.patch().unwrap();
    written.memory.write(written.slots.at(1), &patch.slot).unwrap();
    let original = [0, 1, 5].map(|argument| call(written.slots.at(0), argument));
    written.memory.write(patch.at, &patch.jump).unwrap();
    arch::see_new_instructions();
    assert_eq!([0, 1, 5].map(|argument| call(patch.original, argument)), original);
    assert_eq!(call(written.slots.at(0), 1), 77);
}

fn refusal(code: &[u8]) -> Refusal {
    Written::new(code).patch().unwrap_err()
}

#[test]
fn a_function_with_a_short_branch_is_detoured() {
    // test edi, edi; je L; mov eax, 1; ret; L: mov eax, 2; ret
    check(&[0x85, 0xff, 0x74, 6, 0xb8, 1, 0, 0, 0, 0xc3, 0xb8, 2, 0, 0, 0, 0xc3]);
    // jmp L; int3; int3; int3; L: mov eax, 9; ret
    check(&[0xeb, 3, 0xcc, 0xcc, 0xcc, 0xb8, 9, 0, 0, 0, 0xc3]);
}

#[test]
fn a_function_that_refers_to_what_is_near_it_is_detoured() {
    // mov eax, [what follows]; ret
    check(&[0x8b, 0x05, 1, 0, 0, 0, 0xc3, 0x90, 0x90, 0x90, 0xc3]);
    // lea rax, [rip]; sub eax, eax; ret
    check(&[0x48, 0x8d, 0x05, 0, 0, 0, 0, 0x29, 0xc0, 0xc3]);
}

#[test]
fn a_function_that_calls_another_at_once_is_detoured_and_the_call_returns_to_it() {
    // push rax; call L; add eax, 1; pop rcx; ret; L: lea eax, [rdi + rdi]; ret
    check(&[0x50, 0xe8, 5, 0, 0, 0, 0x83, 0xc0, 1, 0x59, 0xc3, 0x8d, 0x04, 0x3f, 0xc3]);
}

#[test]
fn a_landing_place_for_indirect_jumps_stays_where_it_is() {
    // endbr64; lea eax, [rdi + 3]; nop; nop; ret
    let code = [0xf3, 0x0f, 0x1e, 0xfa, 0x8d, 0x47, 3, 0x90, 0x90, 0xc3];
    check(&code);
    let written = Written::new(&code);
    assert_eq!(written.patch().unwrap().at, written.slots.at(0) + 4);
}

#[test]
fn functions_that_cannot_be_detoured_are_refused_with_the_reason() {
    // xor eax, eax; ret
    assert_eq!(refusal(&[0x31, 0xc0, 0xc3]), Refusal::TooShort);
    // xor eax, eax; L: inc eax; dec edi; jne L; ret
    let jumps_back = [0x31, 0xc0, 0xff, 0xc0, 0xff, 0xcf, 0x75, 0xfa, 0xc3];
    assert_eq!(refusal(&jumps_back), Refusal::JumpsBack { at: 6 });
    // call rax; nop; nop; nop; ret
    let calls = [0xff, 0xd0, 0x90, 0x90, 0x90, 0xc3];
    assert_eq!(refusal(&calls), Refusal::ImmovableInstruction { at: 0 });
    // nop; what is no instruction
    assert_eq!(refusal(&[0x90, 0x06, 0x90, 0x90, 0x90, 0x90]), Refusal::UnknownInstruction { at: 1 });
}

#[test]
fn nothing_is_detoured_while_other_threads_run() {
    let (started, waiting) = std::sync::mpsc::channel();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || {
        started.send(()).unwrap();
        let _ = stopped.recv();
    });
    waiting.recv().unwrap();
    assert!(sys::thread_count().is_some_and(|count| count >= 2));
    assert_eq!(prepare(&mut [], 0).err(), Some(Obstacle::Threads));
    drop(stop);
    other.join().unwrap();
}
