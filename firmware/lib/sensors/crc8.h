// The CRC-8s of sensors, bit by bit: they are of a few bytes, and rare.
#pragma once

#include <stdint.h>

namespace qcot {

// Sensirion's: polynomial 0x31, initial 0xFF (SHT3x data sheet, "Checksum Calculation").
inline uint8_t crc8_sensirion(const uint8_t* bytes, uint8_t size) {
    uint8_t crc = 0xFF;
    while (size--) {
        crc = uint8_t(crc ^ *bytes++);
        for (uint8_t bit = 0; bit < 8; ++bit) crc = uint8_t(crc << 1 ^ (crc & 0x80 ? 0x31 : 0));
    }
    return crc;
}

// Maxim's, taken on by a byte: polynomial 0x31 reflected, initial 0. Over data and their CRC it is 0 (application note 27).
inline uint8_t crc8_maxim(uint8_t crc, uint8_t byte) {
    crc = uint8_t(crc ^ byte);
    for (uint8_t bit = 0; bit < 8; ++bit) crc = uint8_t(crc >> 1 ^ (crc & 1 ? 0x8C : 0));
    return crc;
}

}  // namespace qcot
