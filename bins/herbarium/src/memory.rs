//! Giving memory back to the system.

/// Gives back what the C allocator keeps.
///
/// glibc keeps freed memory in an arena for each thread: what the largest file
/// of one thread took is of no use to another. Elsewhere there is nothing to do.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        // SAFETY: the signature is the one in glibc's malloc.h. The function may
        // be called at any time from any thread: it takes the lock of each arena
        // and gives back whole pages inside free chunks, which nobody may use.
        let _ = unsafe { malloc_trim(0) };
    }
}
