// Modules of the chip that nobody uses have their clock stopped (data sheet, "Power Reduction Register").
#pragma once

#include <avr/io.h>
#include <stdint.h>

namespace qcot {
namespace hal {

#ifdef PRR0
#define QCOT_PRR PRR0
#else
#define QCOT_PRR PRR
#endif

// Off goes all that whoever uses it switches on. The comparator is nobody's.
inline void power_begin() {
    ACSR = 1 << ACD;
#if defined(__AVR_ATmega32U4__)
    PRR0 = 1 << PRTWI | 1 << PRTIM0 | 1 << PRSPI;
#else
    QCOT_PRR = 1 << PRTWI | 1 << PRTIM0 | 1 << PRTIM2 | 1 << PRSPI;
#endif
#if defined(__AVR_ATmega2560__)
    PRR1 = 1 << PRTIM5 | 1 << PRTIM4 | 1 << PRTIM3 | 1 << PRUSART3 | 1 << PRUSART2 | 1 << PRUSART1;
#endif
}

// `bit` is PRTWI, PRTIM0 or PRSPI. A module that comes back has to be set up anew.
inline void power(uint8_t bit, bool on) {
    QCOT_PRR = on ? uint8_t(QCOT_PRR & ~(1 << bit)) : uint8_t(QCOT_PRR | 1 << bit);
}

}  // namespace hal
}  // namespace qcot
