// Consistent overhead byte stuffing (Cheshire and Baker 1999) of frames of at most 254 bytes, where it adds one byte.
#pragma once

#include <stdint.h>

namespace qcot {

constexpr uint8_t kMaxRaw = 254;

// `frame[1..size]` holds the raw bytes and `frame` has room for size + 2. Stuffs them where they are, puts the
// delimiter after them, and returns the size of it all.
inline uint16_t cobs_encode(uint8_t* frame, uint8_t size) {
    uint8_t run = 1;
    frame[size + 1] = 0;
    for (uint8_t at = size; at; --at) {
        if (frame[at] == 0) {
            frame[at] = run;
            run = 0;
        }
        ++run;
    }
    frame[0] = run;
    return uint16_t(size + 2);
}

}  // namespace qcot
