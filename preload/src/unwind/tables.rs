//! The unwind tables of loaded modules (`.eh_frame`), read where the loader put them.
#![expect(unsafe_code, reason = "the tables are memory of the loaded modules")]

use core::ffi::c_void;
use core::sync::atomic::{AtomicUsize, Ordering};

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, FrameDescriptionEntry, LittleEndian, Register,
    RegisterRule, UnwindContext, UnwindContextStorage, UnwindSection, UnwindTableRow,
};

use super::loaded;
use super::registered::{self, Reading};
use super::rule::{Base, Frame, Rule};
use crate::arch::dwarf;

pub(super) type Bytes = EndianSlice<'static, LittleEndian>;
pub(super) type Row = UnwindTableRow<usize, Storage>;

/// Memory for gimli, without allocating: as many registers and remembered rows as compilers use.
#[derive(Debug)]
pub(super) struct Storage;

impl UnwindContextStorage<usize> for Storage {
    type Rules = [(Register, RegisterRule<usize>); 40];
    type Stack = [UnwindTableRow<usize, Self>; 4];
}

/// What gimli needs while it reads one row.
pub(super) type Context = UnwindContext<usize, Storage>;

/// A row of a table, with what is needed to evaluate it.
pub(super) struct Found<'a> {
    pub(super) row: &'a Row,
    pub(super) section: EhFrame<Bytes>,
    pub(super) encoding: gimli::Encoding,
    /// The frame was made by the kernel for a signal: its caller was interrupted, it did not call.
    pub(super) is_signal_frame: bool,
    /// Keeps a table that the program registered.
    #[expect(dead_code, reason = "it ends with the row")]
    pub(super) reading: Option<Reading>,
}

/// Looks `address` up in the tables of the module it lies in, or in those that the program registered.
pub(super) fn find(address: u64, context: &mut Context) -> Option<Found<'_>> {
    let Entry { description, section, bases, reading } = Entry::of(address)?;
    let row = description.unwind_info_for_address(&section, &bases, context, address).ok()?;
    let (encoding, is_signal_frame) = (description.cie().encoding(), description.is_signal_trampoline());
    Some(Found { row, section, encoding, is_signal_frame, reading })
}

/// What a table has of a function.
pub(super) struct Entry {
    pub(super) description: FrameDescriptionEntry<Bytes>,
    pub(super) section: EhFrame<Bytes>,
    pub(super) bases: BaseAddresses,
    pub(super) reading: Option<Reading>,
}

impl Entry {
    /// Apart from what reads its rows: the program's stack may be small, and each takes much of it.
    #[inline(never)]
    fn of(address: u64) -> Option<Self> {
        match Module::find(address) {
            Some(module) => module.entry(address),
            None => registered::entry(address),
        }
    }
}

/// The rule of `address`.
pub(super) fn compile(address: u64, context: &mut Context) -> Rule {
    let Some(found) = find(address, context) else { return Rule::Unknown };
    if found.is_signal_frame {
        return Rule::Tables;
    }
    match found.row.register(Register(dwarf::IP)) {
        Some(RegisterRule::Offset(-8)) => frame(found.row).map_or(Rule::Tables, Rule::Frame),
        None | Some(RegisterRule::Undefined) => Rule::Outermost,
        _ => Rule::Tables,
    }
}

fn frame(row: &Row) -> Option<Frame> {
    let &CfaRule::RegisterAndOffset { register, offset } = row.cfa() else { return None };
    let base = match register.0 {
        dwarf::SP => Base::Sp,
        dwarf::BP => Base::Bp,
        dwarf::BX => Base::Bx,
        _ => return None,
    };
    let slot = |register| match row.register(Register(register)) {
        None | Some(RegisterRule::Undefined | RegisterRule::SameValue) => Some(None),
        Some(RegisterRule::Offset(offset)) => Some(Some(offset)),
        _ => None,
    };
    Frame::new(base, offset, slot(dwarf::BP)?, slot(dwarf::BX)?)
}

/// Memory of a loaded module, up to the end of the segment it lies in.
#[derive(Clone, Copy)]
struct Section {
    start: u64,
    end: u64,
}

impl Section {
    fn bytes(self) -> Bytes {
        let start = core::ptr::with_exposed_provenance(self.start as usize);
        // SAFETY: `Module::find` takes both ends from a segment that the loader keeps mapped and readable; the
        // module has a frame on the stack, so it is not unloaded now.
        let bytes = unsafe { core::slice::from_raw_parts(start, (self.end - self.start) as usize) };
        EndianSlice::new(bytes, LittleEndian)
    }
}

/// Where a loaded module has its unwind tables.
struct Module {
    /// `.eh_frame_hdr`
    index: Section,
    /// `.eh_frame`
    frames: Section,
}

impl Module {
    fn entry(&self, address: u64) -> Option<Entry> {
        let bases =
            BaseAddresses::default().set_eh_frame_hdr(self.index.start).set_eh_frame(self.frames.start);
        let index = EhFrameHdr::from(self.index.bytes()).parse(&bases, 8).ok()?;
        let section = EhFrame::from(self.frames.bytes());
        let description =
            index.table()?.fde_for_address(&section, &bases, address, EhFrame::cie_from_offset).ok()?;
        Some(Entry { description, section, bases, reading: None })
    }

    fn find(address: u64) -> Option<Self> {
        let found = find_object(address)?;
        let segment_of = |place| segment(found.start, place);
        let index = Section { start: found.index, end: segment_of(found.index)?.1 };
        let bases = BaseAddresses::default().set_eh_frame_hdr(index.start);
        let parsed = EhFrameHdr::from(index.bytes()).parse(&bases, 8).ok()?;
        let frames = parsed.eh_frame_ptr().direct().ok()?;
        let frames = Section { start: frames, end: segment_of(frames)?.1 };
        Some(Self { index, frames })
    }
}

/// A module in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// Where its file begins.
    pub(super) start: u64,
    /// Its `.eh_frame_hdr`.
    pub(super) index: u64,
}

/// `struct dl_find_object` of the C library.
#[repr(C)]
#[derive(Default)]
struct DlFindObject {
    flags: u64,
    map_start: usize,
    map_end: usize,
    link_map: usize,
    eh_frame: usize,
    reserved: [u64; 7],
}

type FindObject = unsafe extern "C" fn(*const c_void, *mut DlFindObject) -> i32;

/// `_dl_find_object`, which takes no lock; 0 if this C library has none.
static FIND_OBJECT: AtomicUsize = AtomicUsize::new(0);

/// Takes the C library's way to find modules.
pub(crate) fn set_find_object(address: usize) {
    FIND_OBJECT.store(address, Ordering::Relaxed);
}

pub(super) fn find_object(address: u64) -> Option<Object> {
    let function = FIND_OBJECT.load(Ordering::Relaxed);
    if function == 0 {
        return loaded::find(address);
    }
    // SAFETY: the address is what `dlsym` gave for this name, whose type the C library documents.
    let function: FindObject = unsafe { core::mem::transmute(function) };
    let mut found = DlFindObject::default();
    // SAFETY: the function takes any address, locks nothing, and fills the structure when it returns 0.
    let result = unsafe { function(core::ptr::without_provenance(address as usize), &raw mut found) };
    (result == 0 && found.eh_frame != 0)
        .then_some(Object { start: found.map_start as u64, index: found.eh_frame as u64 })
}

/// The loaded segment of the module at `module` that `place` lies in.
fn segment(module: u64, place: u64) -> Option<(u64, u64)> {
    let header: *const libc::Elf64_Ehdr = core::ptr::with_exposed_provenance(module as usize);
    // SAFETY: a module is mapped from the start of its file, and begins with its header.
    let header = unsafe { &*header };
    if header.e_ident.get(..4)? != b"\x7fELF"
        || usize::from(header.e_phentsize) != size_of::<libc::Elf64_Phdr>()
    {
        return None;
    }
    let table = core::ptr::with_exposed_provenance((module + header.e_phoff) as usize);
    // SAFETY: the loader itself reads the program headers there: they lie in the first page of the module.
    let headers: &[libc::Elf64_Phdr] =
        unsafe { core::slice::from_raw_parts(table, usize::from(header.e_phnum)) };
    let loaded = || headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let bias = module.wrapping_sub(loaded().next()?.p_vaddr & !0xfff);
    loaded()
        .map(|header| bias.wrapping_add(header.p_vaddr))
        .zip(loaded().map(|header| header.p_memsz))
        .map(|(start, len)| (start, start.wrapping_add(len)))
        .find(|&(start, end)| (start..end).contains(&place))
}
