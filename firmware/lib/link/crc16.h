// CRC-16/IBM-3740: poly 0x1021, init 0xFFFF, not reflected, no final xor.
#pragma once

#include <stdint.h>

namespace qcot {

constexpr uint16_t kCrcInit = 0xFFFF;

// The polynomial taken a byte at a time, in bytes: shifts by 3, 4 and 5 of a byte are a few instructions of an AVR, and of
// a word they are loops. As fast as a table, and needs none.
inline __attribute__((always_inline)) uint16_t crc16_step(uint16_t crc, uint8_t byte) {
    uint8_t x = uint8_t(uint8_t(crc >> 8) ^ byte);
    x = uint8_t(x ^ (x >> 4));
    const uint8_t high = uint8_t(uint8_t(crc) ^ uint8_t(x << 4) ^ (x >> 3));
    const uint8_t low = uint8_t(x ^ uint8_t(x << 5));
    return uint16_t(uint16_t(high) << 8 | low);
}

inline uint16_t crc16(const uint8_t* data, uint16_t size, uint16_t crc = kCrcInit) {
    while (size--) crc = crc16_step(crc, *data++);
    return crc;
}

}  // namespace qcot
