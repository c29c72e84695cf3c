// The clock and the sampler of an AVR: Timer1 runs free at 4 us a tick, compare A is the next sample that is due, compare B
// is the millisecond.
#pragma once

#include <stdint.h>

namespace qcot {
namespace hal {

void sampler_begin();

// Bits that nobody controls: the lowest ones of conversions, and when bytes came.
extern volatile uint32_t pool;

// For interrupts: stirs `bits` into the pool.
inline void stir(uint8_t bits) { pool = (pool << 5 | pool >> 27) ^ bits; }

}  // namespace hal
}  // namespace qcot
