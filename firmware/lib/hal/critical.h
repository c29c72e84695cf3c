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

}  // namespace qcot
