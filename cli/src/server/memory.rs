//! What the server frees goes back to the system.
#![expect(unsafe_code, reason = "glibc is told by a C function: see the one block")]

/// Blocks from this size on are mapped, each on its own, and are gone from the process when they are freed.
#[cfg(target_env = "gnu")]
const MAPPED_FROM_BYTES: libc::c_int = 256 << 10;

/// Keeps glibc from holding back what was freed. By itself it raises the size from which blocks are mapped to that of the
/// largest block that was freed, up to 32 MiB; from the first ingest on, large blocks would then come from the pools of the
/// threads, of which each keeps what it once had. Once it is told a size, it leaves that alone.
pub(super) fn give_back_what_is_freed() {
    #[cfg(target_env = "gnu")]
    for parameter in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: `mallopt` takes two numbers and changes settings of the allocator under its own lock; it may be called at
        // any time, and a value that it refuses changes nothing.
        unsafe { libc::mallopt(parameter, MAPPED_FROM_BYTES) };
    }
}
