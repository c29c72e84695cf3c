// The power fails, at every byte of a write.
#pragma once

#include "support/memory_hal.h"

namespace machine {

// Once, however many tests there are: an AVR has little.
inline uint8_t* saved_storage() {
    static uint8_t bytes[kStorageSize];
    return bytes;
}

// Runs `write` with the power failing after each number of bytes, the byte under way left as each of these, then
// `verify` on what is there at the next boot.
template <typename Write, typename Verify>
uint16_t cut_everywhere(Write write, Verify verify) {
    static const int16_t torn[] = {-1, 0xFF, 0x00, 0x2B};
    uint8_t* const before = saved_storage();
    memcpy(before, state.storage, machine::kStorageSize);
    uint16_t cuts = 0;
    for (int16_t byte : torn) {
        for (uint16_t cut = 0;; ++cut) {
            memcpy(state.storage, before, machine::kStorageSize);
            state.writes_left = cut;
            state.torn = byte;
            state.writes = 0;
            write();
            const bool whole = state.writes < cut;
            state.writes_left = UINT16_MAX;
            state.torn = -1;
            verify(whole);
            ++cuts;
            if (whole) break;
        }
    }
    memcpy(state.storage, before, machine::kStorageSize);
    return cuts;
}

}  // namespace machine
