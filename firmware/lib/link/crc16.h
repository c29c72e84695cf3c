// CRC-16/IBM-3740: poly 0x1021, init 0xFFFF, not reflected, no final xor.
#pragma once

#include <stdint.h>

namespace qcot {

constexpr uint16_t kCrcInit = 0xFFFF;

// The polynomial taken a byte at a time by shifts: as fast as a table here, and needs none.
inline uint16_t crc16_step(uint16_t crc, uint8_t byte) {
    crc = uint16_t((crc >> 8) | (crc << 8));
    crc = uint16_t(crc ^ byte);
    crc = uint16_t(crc ^ (uint8_t(crc) >> 4));
    crc = uint16_t(crc ^ (crc << 12));
    return uint16_t(crc ^ (uint16_t(uint8_t(crc)) << 5));
}

inline uint16_t crc16(const uint8_t* data, uint16_t size, uint16_t crc = kCrcInit) {
    while (size--) crc = crc16_step(crc, *data++);
    return crc;
}

}  // namespace qcot
