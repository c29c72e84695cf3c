// The watchdog of an AVR, which also makes noise: it has an oscillator of its own, and how many of the crystal's cycles go by
// between two of its timeouts is never quite the same.
#ifdef __AVR__

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/wdt.h>

#include "hal/critical.h"
#include "hal/hal.h"

// A timer that nothing else uses. The ATmega32U4 has no Timer2.
#if defined(__AVR_ATmega32U4__)
#define QCOT_JITTER_PRR PRR1
#define QCOT_JITTER_PRTIM PRTIM3
#define QCOT_JITTER_A TCCR3A
#define QCOT_JITTER_B TCCR3B
#define QCOT_JITTER_COUNT TCNT3L
#else
#ifdef PRR0
#define QCOT_JITTER_PRR PRR0
#else
#define QCOT_JITTER_PRR PRR
#endif
#define QCOT_JITTER_PRTIM PRTIM2
#define QCOT_JITTER_A TCCR2A
#define QCOT_JITTER_B TCCR2B
#define QCOT_JITTER_COUNT TCNT2
#endif

namespace qcot {
namespace hal {
namespace {

constexpr uint8_t kHungTimeouts = 125;  // of 16 ms: two seconds

volatile uint8_t timeouts;  // while gathering: since the loop last came round, plus one; else 0
volatile bool jittered;
volatile uint8_t jitter;

// The second write must follow the first within four cycles.
inline void set_watchdog(uint8_t mode) {
    const Critical guard;
    wdt_reset();
    WDTCSR = 1 << WDCE | 1 << WDE;
    WDTCSR = mode;
}

}  // namespace

// While it gathers the timeouts must come, so it is its handler that watches the loop.
void watchdog_feed() {
    if (timeouts) {
        timeouts = 1;
    } else {
        wdt_reset();
    }
}

// A timer counts cycles; low bits of conversions and when bytes came are stirred in.
int16_t noise() {
    if (!timeouts) {
        QCOT_JITTER_PRR &= uint8_t(~(1 << QCOT_JITTER_PRTIM));
        QCOT_JITTER_A = 0;
        QCOT_JITTER_B = 1;  // no prescaler
        jittered = false;
        timeouts = 1;
        set_watchdog(1 << WDIE | 1 << WDE);
    }
    if (!jittered) return -1;
    uint8_t other;
    entropy(&other, 1);
    jittered = false;
    return uint8_t(jitter ^ other);
}

void noise_end() {
    set_watchdog(1 << WDE | WDTO_2S);
    QCOT_JITTER_B = 0;
    QCOT_JITTER_PRR |= 1 << QCOT_JITTER_PRTIM;
    timeouts = 0;
}

}  // namespace hal
}  // namespace qcot

using namespace qcot::hal;

ISR(WDT_vect) {
    jitter = QCOT_JITTER_COUNT;
    jittered = true;
    const uint8_t count = uint8_t(timeouts + 1);
    timeouts = count;
    // Each timeout takes the bit away; without it the next one resets. (simavr knows no interrupt without WDE.)
    if (count <= kHungTimeouts) WDTCSR |= 1 << WDIE;
}

#endif
