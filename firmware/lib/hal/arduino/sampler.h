// The clock and the sampler of an AVR: Timer1 runs free at 4 us a tick, compare A is the next sample that is due, compare B
// is the millisecond.
#pragma once

#include <stdint.h>

namespace qcot {
namespace hal {

void sampler_begin();

// Bits that nobody controls: the lowest ones of conversions, and when bytes came.
extern volatile uint32_t pool;

// For interrupts: stirs `bits` into the pool. A rotation by one, since an AVR shifts bit by bit.
inline void stir(uint8_t bits) {
    const uint32_t old = pool;
    pool = (old << 1 | old >> 31) ^ bits;
}

// Set by an interrupt after which the main loop has something to do: idle() sleeps on through all others.
extern volatile uint8_t woken;

}  // namespace hal
}  // namespace qcot
