#ifdef __AVR__

#include "hal/arduino/sampler.h"

#include <avr/interrupt.h>
#include <avr/io.h>

#include "chain/reading.h"
#include "hal/critical.h"
#include "hal/hal.h"
#include "sensors/channels.h"

namespace qcot {
namespace hal {

volatile uint32_t pool;
volatile uint8_t woken;

namespace {

constexpr uint16_t kTicksPerMs = 250;
constexpr uint32_t kTickRate = 250000;
// Compare values are told apart from times that have passed by their sign, so none is further away than this.
constexpr uint16_t kFarthest = 25000;
constexpr uint16_t kSoon = 4;

// A conversion takes 13 ADC clocks of 8 us.
constexpr uint16_t kConversionTicks = 26;

// An input is one conversion, at once. The chip's own channels need the multiplexer or the reference to settle first, by
// conversions of those channels themselves that nobody reads, and wait for a pause in which no input falls due.
//   supply: 1 ms for the bandgap to charge the sampling capacitor;
//   chip: 25 ms for AREF's 100 nF to come down from 5 V to 1.1 V through 32 kOhm, then 2 ms to go back.
constexpr uint8_t kSupplySettle = 9;
constexpr int16_t kSupplyPause = (kSupplySettle + 2) * kConversionTicks;
constexpr uint8_t kChipSettle = 240;
constexpr uint8_t kChipRestore = 20;
constexpr int16_t kChipPause = (kChipSettle + kChipRestore + 5) * kConversionTicks;

// 0 V and the bandgap are the multiplexer's last inputs on both chips.
#if defined(__AVR_ATmega328P__)
constexpr uint8_t kMux = 0x0F;
#else
constexpr uint8_t kMux = 0x1F;
#endif
constexpr uint8_t kAvcc = 1 << REFS0;
constexpr uint8_t kGround = kAvcc | kMux;
constexpr uint8_t kSupply = kAvcc | (kMux - 1);
constexpr uint8_t kChip = 1 << REFS1 | 1 << REFS0 | 8;  // 328P: 1.1 V, sensor

using Ticks = __uint24;  // 67 s
static_assert(kTickRate * 1000 / kMinRate < 1UL << 24, "the longest period fits");

struct Slot {
    Ticks period;  // 0 is off
    Ticks left;    // from `scheduled` until it is due
};

template <bool kWide>
struct Mask {
    using Type = uint8_t;
};
template <>
struct Mask<true> {
    using Type = uint32_t;
};
using Channels = Mask<(kAdcChannels > 8)>::Type;  // a bit for each

Slot slots[kAdcChannels];
Channels due;
uint16_t scheduled;  // Timer1 when `left` was brought up to date; at most kSoon ticks ahead
volatile uint32_t now_ms;

constexpr uint8_t kAdcOn = 1 << ADEN | 7;  // 125 kHz
constexpr uint8_t kCompare = 1 << OCIE1A, kMillisecond = 1 << OCIE1B;

// What the sampler's two interrupts do takes longer than the UART's two bytes of buffer last. So they let all others in, and
// keep only each other out. What falls due meanwhile is seen in the flags at the end.
// A 16-bit register of Timer1 is read and written through a byte that all of them share, hence in one piece.
uint16_t timer() {
    const Critical guard;
    return TCNT1;
}
void set_compare(uint16_t at) {
    const Critical guard;
    OCR1A = at;
}

enum class Phase : uint8_t { idle, settle, measure, restore };
Phase phase;
uint8_t conversions_left;
uint8_t present;  // the channel being converted
uint32_t sampled_at;

// The table begins with the analog inputs, in order; then come supply and chip.
bool is_input(uint8_t index) { return index < kAnalogInputs; }
bool is_chip(uint8_t index) { return kHasChip && index > kAnalogInputs; }

// With interrupts off.
uint32_t now() { return now_ms + ((TIFR1 >> OCF1B) & 1); }

// Flags are cleared by writing 1 to them, so these registers are written, never read and written back.
void convert() { ADCSRA = kAdcOn | 1 << ADSC; }

void measure() {
    phase = Phase::measure;
    const Critical guard;
    sampled_at = now();
    convert();
}

// Ticks until the next input is due.
int32_t pause() {
    const int16_t passed = int16_t(timer() - scheduled);
    Ticks least = ~Ticks(0);
    for (uint8_t i = 0; i < kAnalogInputs; ++i) {
        if (slots[i].period && slots[i].left < least) least = slots[i].left;
    }
    return int32_t(least) - passed;
}

// Which input of the multiplexer a pin is: on a Leonardo A0 to A5 are ADC7, 6, 5, 4, 1 and 0.
uint8_t input_mux(uint8_t index) {
#ifdef __AVR_ATmega32U4__
    return uint8_t(index < 4 ? 7 - index : 5 - index);
#else
    return index & 7;
#endif
}

void start(uint8_t index) {
    due = Channels(due & ~(Channels(1) << index));
    present = index;
#ifdef MUX5
    ADCSRB = is_input(index) && index & 8 ? 1 << MUX5 : 0;
#endif
    if (is_input(index)) {
        ADMUX = uint8_t(kAvcc | input_mux(index));
        return measure();
    }
    ADMUX = is_chip(index) ? kChip : kSupply;
    phase = Phase::settle;
    conversions_left = is_chip(index) ? kChipSettle : kSupplySettle;
    convert();
}

// Inputs first; one of the chip's own channels if there is time.
void start_next() {
    phase = Phase::idle;
    uint8_t index = 0;
    for (Channels left = due; left; left = Channels(left >> 1), ++index) {
        if (!(left & 1)) continue;
        if (is_input(index) || pause() > (is_chip(index) ? kChipPause : kSupplyPause)) return start(index);
    }
}

int32_t scaled(uint8_t index, uint16_t counts) {
    if (is_input(index)) return counts;
    return is_chip(index) ? chip_centidegrees(counts) : supply_millivolts(counts);
}

uint32_t period_of(uint32_t rate) { return rate ? (kTickRate * 1000 + rate / 2) / rate : 0; }

// Brings the schedule up to Timer1, and starts what is due.
void look() {
    if (int16_t(timer() - OCR1A) < 0) return;  // from a compare that sample_every moved
    uint16_t at = OCR1A;
    do {
        const uint16_t passed = uint16_t(at - scheduled);
        scheduled = at;
        uint16_t next = kFarthest;
        Channels channel = 1;
        for (Slot& slot : slots) {
            const Channels self = channel;
            channel = Channels(channel << 1);
            if (!slot.period) continue;
            Ticks left = slot.left;
            if (left <= passed) {
                left += slot.period;
                due = Channels(due | self);
            }
            left -= passed;
            slot.left = left;
            if (left < next) next = uint16_t(left);
        }
        at = uint16_t(at + next);
        set_compare(at);
        // What is due within the time that this took is due now.
    } while (int16_t(at - timer()) < int16_t(kSoon));
    if (phase == Phase::idle) start_next();
}

// A conversion has ended.
void converted() {
    const uint16_t counts = ADC;
    stir(uint8_t(counts));
    if (phase == Phase::measure) {
        const uint8_t index = present;
        const uint32_t time = sampled_at;
        if (is_chip(index)) {
            ADMUX = kGround;
            phase = Phase::restore;
            conversions_left = kChipRestore;
            convert();
        } else {
            start_next();
        }
        sampled({time, index, scaled(index, counts)});
        woken = 1;
    } else if (--conversions_left) {
        convert();
    } else if (phase == Phase::settle) {
        measure();
    } else {
        start_next();
    }
}

void begin_alone() {
    TIMSK1 = kMillisecond;
    ADCSRA = kAdcOn;
    sei();
}

void end_alone() {
    for (;;) {
        cli();
        if (TIFR1 & 1 << OCF1A) {
            TIFR1 = 1 << OCF1A;
            sei();
            look();
        } else if (ADCSRA & 1 << ADIF) {
            ADCSRA = kAdcOn | 1 << ADIF;
            sei();
            converted();
        } else {
            break;
        }
    }
    ADCSRA = kAdcOn | 1 << ADIE;
    TIMSK1 = kCompare | kMillisecond;
}

}  // namespace

void sampler_begin() {
    ADMUX = kGround;
    // The first conversion after switching on is slow and poor: it is one of ground.
    phase = Phase::restore;
    conversions_left = 1;
    ADCSRA = kAdcOn | 1 << ADIE | 1 << ADSC;
    TCCR1A = 0;
    TCCR1B = 1 << CS11 | 1 << CS10;
    OCR1B = kTicksPerMs;
    OCR1A = kFarthest;
    TIMSK1 = kCompare | kMillisecond;
}

uint32_t millis() {
    const Critical guard;
    return now();
}

void sample_every(uint8_t channel, uint32_t rate) {
    const Ticks period = Ticks(period_of(rate));
    const Critical guard;
#ifdef __AVR_ATmega328P__
    // The digital side of a pin between the levels draws current; A6 and A7 of a Nano have none.
    if (channel < 6) DIDR0 = uint8_t(period ? DIDR0 | 1 << channel : DIDR0 & ~(1 << channel));
#endif
    Slot& slot = slots[channel];
    slot.period = period;
    slot.left = Ticks(period + Ticks(int16_t(TCNT1 - scheduled)));
    // Has the schedule looked at anew. A compare that this overtakes is served then, some microseconds late.
    OCR1A = uint16_t(TCNT1 + kSoon);
}

void sampler_out() {
    cli();
    begin_alone();
}

void sampler_in() {
    end_alone();
    sei();
}

void entropy(uint8_t* to, uint8_t size) {
    while (size--) {
        const Critical guard;
        stir(TCNT1L);
        *to++ = uint8_t(pool);
    }
}

}  // namespace hal
}  // namespace qcot

using namespace qcot;
using namespace qcot::hal;

ISR(TIMER1_COMPB_vect) {
    OCR1B = uint16_t(OCR1B + kTicksPerMs);
    ++now_ms;
}

ISR(TIMER1_COMPA_vect) {
    begin_alone();
    look();
    end_alone();
}

ISR(ADC_vect) {
    begin_alone();
    converted();
    end_alone();
}

#endif
