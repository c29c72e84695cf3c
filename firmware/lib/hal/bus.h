// What sensors hang on: an I2C bus, a 1-wire line, a pulse input. docs/board.md has the pins.
#pragma once

#include <stdint.h>

namespace qcot {
namespace hal {

// A fault is negative, and 0 is none.
constexpr int16_t kSilent = -2;  // nobody answers
constexpr int16_t kHeld = -3;    // somebody keeps the line low

// As master at 100 kHz: start, 7-bit `address`, `size` bytes, stop. Waits for the bus, at most 1 ms for 8 bytes.
int16_t i2c_write(uint8_t address, const uint8_t* bytes, uint8_t size);
int16_t i2c_read(uint8_t address, uint8_t* bytes, uint8_t size);

// Resets whatever is on the line and asks whether anything is: 0.8 ms. The next slot is allowed 1 ms later.
int16_t onewire_reset();
// One slot of some 70 us: writes `bit`, and gives what the line said. Writing 1 is reading.
bool onewire_slot(bool bit);

void pulses_use(bool on);
// Falling edges since boot while it was in use, modulo 2^32.
uint32_t pulses_counted();

}  // namespace hal
}  // namespace qcot
