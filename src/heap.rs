//! Memory that levels off, however long the footage is.

/// Keeps glibc's allocator to one heap for what is small, and what is big (pictures, artifacts) out of it. By itself it
/// makes a heap for every few threads, gives none of them back, and soon puts pictures there as well; and decoding starts
/// and ends threads all the time. Without this an hour of footage takes more than twice the memory of a minute.
///
/// One heap is enough: threads allocate little, and seldom. `MALLOC_ARENA_MAX` and `MALLOC_MMAP_THRESHOLD_` in the
/// environment do the same, but only for who knows of them. Call it before threads start.
pub(crate) fn keep_small() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// Less than any picture that is decoded.
        const BIG_BYTES: libc::c_int = 64 << 10;
        #[expect(unsafe_code, reason = "mallopt is a C function")]
        // SAFETY: mallopt(3) may be called at any time, with any values; when it fails, nothing has changed.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 1);
            libc::mallopt(libc::M_MMAP_THRESHOLD, BIG_BYTES);
        }
    }
}
