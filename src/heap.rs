//! Memory that does not grow with the footage.

/// Keeps glibc's allocator to one heap. It makes a heap for every few threads and gives none of them back, and decoding
/// starts and ends threads all the time: without this an hour of footage takes more than twice the memory of a minute.
/// The heap is shared without harm, since what is big (pictures, artifacts) is allocated some hundred times a second.
///
/// `MALLOC_ARENA_MAX` in the environment does the same, but only for who knows of it. Call it before threads start.
pub(crate) fn keep_to_one() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "mallopt is a C function")]
    // SAFETY: mallopt(3) may be called at any time, with any values; when it fails, nothing has changed.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}
