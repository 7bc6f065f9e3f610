// XXH3 from libxxhash's header alone: everything is inlined, so nothing is linked and nothing is needed at run time.
#pragma once
#define XXH_INLINE_ALL
#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>

static inline uint64_t baton_xxh3_64(const void *data, size_t length) {
    return XXH3_64bits(data, length);
}

static inline uint64_t baton_xxh3_64_seeded(const void *data, size_t length, uint64_t seed) {
    return XXH3_64bits_withSeed(data, length, seed);
}
