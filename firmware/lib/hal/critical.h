// Keeps interrupts out while it lives. Where there are none (one thread, samples taken between two steps) it is nothing.
#pragma once

#include <stdint.h>

#ifdef __AVR__
#include <avr/interrupt.h>
#include <avr/io.h>
#endif

namespace qcot {

class Critical {
public:
#ifdef __AVR__
    Critical() : status_(SREG) {
        cli();
        asm volatile("" ::: "memory");
    }
    ~Critical() {
        asm volatile("" ::: "memory");
        SREG = status_;
    }

private:
    uint8_t status_;
#else
    Critical() {}
    ~Critical() {}
#endif
};

// Keeps out only the interrupt that samples, while it lives: for what takes longer than the UART's buffer lasts.
#ifdef __AVR__
namespace hal {

void sampler_out();
void sampler_in();

}  // namespace hal
#endif

class NoSample {
public:
#ifdef __AVR__
    NoSample() { hal::sampler_out(); }
    ~NoSample() { hal::sampler_in(); }
#else
    NoSample() {}
    ~NoSample() {}
#endif
};

}  // namespace qcot
