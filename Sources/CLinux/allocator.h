#pragma once
#include <malloc.h>

/// For a process that moves much data through a few large buffers: memory stays in the process between them, for giving it back to
/// the system and taking it again costs a page fault for every 4 KiB. Two arenas bound what can be held back so.
static inline void baton_keep_buffers(void) {
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 32 << 20);
}
