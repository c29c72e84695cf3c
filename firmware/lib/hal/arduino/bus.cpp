// I2C by the TWI unit, 1-wire by a pin, pulses by an external interrupt; Timer1's low byte (4 us a tick) times them.
#ifdef __AVR__

#include "hal/bus.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <util/delay.h>

#include "hal/arduino/power.h"
#include "hal/critical.h"

// The pins that a board labels SDA and SCL; 1-wire on D4; pulses on D2, which is the Leonardo's SDA: there on D7.
#if defined(__AVR_ATmega32U4__)
#define QCOT_I2C_PORT PORTD
#define QCOT_I2C_DDR DDRD
#define QCOT_ONEWIRE_PORT PORTD
#define QCOT_ONEWIRE_DDR DDRD
#define QCOT_ONEWIRE_PIN PIND
#define QCOT_PULSE_PORT PORTE
#define QCOT_PULSE_vect INT6_vect
#elif defined(__AVR_ATmega2560__)
#define QCOT_I2C_PORT PORTD
#define QCOT_I2C_DDR DDRD
#define QCOT_ONEWIRE_PORT PORTG
#define QCOT_ONEWIRE_DDR DDRG
#define QCOT_ONEWIRE_PIN PING
#define QCOT_PULSE_PORT PORTE
#define QCOT_PULSE_vect INT4_vect
#else
#define QCOT_I2C_PORT PORTC
#define QCOT_I2C_DDR DDRC
#define QCOT_ONEWIRE_PORT PORTD
#define QCOT_ONEWIRE_DDR DDRD
#define QCOT_ONEWIRE_PIN PIND
#define QCOT_PULSE_PORT PORTD
#define QCOT_PULSE_vect INT0_vect
#endif

namespace qcot {
namespace hal {
namespace {

#if defined(__AVR_ATmega32U4__)
constexpr uint8_t kSda = 1 << 1, kScl = 1 << 0, kOnewire = 1 << 4, kPulse = 1 << 6, kPulseInt = 1 << INT6;
#elif defined(__AVR_ATmega2560__)
constexpr uint8_t kSda = 1 << 1, kScl = 1 << 0, kOnewire = 1 << 5, kPulse = 1 << 4, kPulseInt = 1 << INT4;
#else
constexpr uint8_t kSda = 1 << 4, kScl = 1 << 5, kOnewire = 1 << 4, kPulse = 1 << 2, kPulseInt = 1 << INT0;
#endif

class Ticks {
public:
    Ticks() : began_(TCNT1L) {}
    // Up to 255 ticks of 4 us; a tick that has begun counts as one.
    bool passed(uint8_t ticks) const { return uint8_t(TCNT1L - began_) >= ticks; }
    void wait(uint8_t ticks) const {
        while (!passed(ticks)) {
        }
    }

private:
    uint8_t began_;
};

// ---- I2C ----

constexpr uint8_t kStarted = 0x08;
constexpr uint8_t kAddressed = 0x18, kToRead = 0x40;
constexpr uint8_t kTaken = 0x28;
constexpr uint8_t kLostBus = 0x38;  // to somebody who held SDA low
constexpr uint8_t kByteTicks = 50;  // 9 bits take 90 us

// One step of the unit: its status after it, or 0 if the bus did not let it end.
uint8_t act(uint8_t control) {
    TWCR = uint8_t(control | 1 << TWINT | 1 << TWEN);
    const Ticks since;
    while (!(TWCR & 1 << TWINT)) {
        if (since.passed(kByteTicks)) return 0;
    }
    const uint8_t status = TWSR & 0xF8;
    return status == kLostBus ? uint8_t(0) : status;
}

uint8_t say(uint8_t byte) {
    TWDR = byte;
    return act(0);
}

// A chip that was cut short in saying a 0 goes on with it: nine clocks make it end, whatever it was.
void free_bus() {
    for (uint8_t clock = 0; clock < 9; ++clock) {
        QCOT_I2C_PORT &= uint8_t(~kScl);
        QCOT_I2C_DDR |= kScl;
        _delay_us(5);
        QCOT_I2C_DDR &= uint8_t(~kScl);
        QCOT_I2C_PORT |= kScl;
        _delay_us(5);
    }
}

// From the start to before the stop; `first` is the address and, as its lowest bit, the direction.
int16_t converse(uint8_t first, uint8_t* bytes, uint8_t size) {
    const bool reads = first & 1;
    if (act(1 << TWSTA) != kStarted) return kHeld;
    uint8_t status = say(first);
    if (status != (reads ? kToRead : kAddressed)) return status ? kSilent : kHeld;
    for (uint8_t i = 0; i < size; ++i) {
        status = reads ? act(uint8_t(i + 1 < size ? 1 << TWEA : 0)) : say(bytes[i]);
        if (status == 0) return kHeld;
        if (!reads && status != kTaken) return kSilent;
        if (reads) bytes[i] = TWDR;
    }
    return 0;
}

int16_t transfer(uint8_t first, uint8_t* bytes, uint8_t size) {
    power(PRTWI, true);
    QCOT_I2C_PORT |= kSda | kScl;  // pull-ups; a module brings its own
    TWSR = 0;
    TWBR = F_CPU / 100000 / 2 - 8;
    const int16_t outcome = converse(first, bytes, size);
    if (outcome != kHeld) {
        TWCR = 1 << TWINT | 1 << TWEN | 1 << TWSTO;
        const Ticks since;
        while (TWCR & 1 << TWSTO && !since.passed(kByteTicks)) {
        }
    }
    TWCR = 0;  // the pins are the port's again
    power(PRTWI, false);
    if (outcome == kHeld) free_bus();
    QCOT_I2C_PORT &= uint8_t(~(kSda | kScl));
    return outcome;
}

// ---- 1-wire ----

// The chip's pull-up is too weak for the line, and enough for a line with nothing on it to be seen.
void pull_low() {
    QCOT_ONEWIRE_PORT &= uint8_t(~kOnewire);
    QCOT_ONEWIRE_DDR |= kOnewire;
}
void let_go() {
    QCOT_ONEWIRE_DDR &= uint8_t(~kOnewire);
    QCOT_ONEWIRE_PORT |= kOnewire;
}
bool is_high() { return QCOT_ONEWIRE_PIN & kOnewire; }

// ---- pulses ----

volatile uint32_t counted;

}  // namespace

int16_t i2c_write(uint8_t address, const uint8_t* bytes, uint8_t size) {
    return transfer(uint8_t(address << 1), const_cast<uint8_t*>(bytes), size);
}

int16_t i2c_read(uint8_t address, uint8_t* bytes, uint8_t size) {
    return transfer(uint8_t(address << 1 | 1), bytes, size);
}

int16_t onewire_reset() {
    pull_low();
    Ticks().wait(125);
    {
        // The line is up before anything on it may answer, 15 us later.
        const Critical guard;
        let_go();
        _delay_us(10);
        if (!is_high()) return kHeld;
    }
    const Ticks since;
    while (is_high()) {
        if (since.passed(75)) return kSilent;
    }
    return 0;
}

bool onewire_slot(bool bit) {
    bool heard;
    const Ticks since;
    {
        const Critical guard;
        pull_low();
        _delay_us(2);
        if (bit) let_go();
        _delay_us(8);  // it says its bit for 15 us
        heard = is_high();
    }
    since.wait(18);  // 68 us of the 60 to 120: simavr skips a tick where the timer begins anew, and interrupts add to it
    let_go();
    _delay_us(2);
    return heard;
}

// A pulse that was counted closes the input for 100 us, by Timer0: what bounces meanwhile is one pulse with it, and no
// noise, however fast, takes more than a tenth of the board's time.
void pulses_use(bool on) {
    constexpr uint8_t kDeadTime = 24;  // ticks of 4 us, less one
    const Critical guard;
    EIMSK &= uint8_t(~kPulseInt);
    power(PRTIM0, true);
    TCCR0B = 0;
    if (!on) {
        TIMSK0 = 0;
        power(PRTIM0, false);
        QCOT_PULSE_PORT &= uint8_t(~kPulse);
        return;
    }
    QCOT_PULSE_PORT |= kPulse;
#if defined(__AVR_ATmega32U4__)
    EICRB = 1 << ISC61;
#elif defined(__AVR_ATmega2560__)
    EICRB = 1 << ISC41;
#else
    EICRA = 1 << ISC01;
#endif
    TCCR0A = 0;
    OCR0A = kDeadTime;
    TIMSK0 = 1 << OCIE0A;
    EIFR = kPulseInt;
    EIMSK |= kPulseInt;
}

uint32_t pulses_counted() {
    const Critical guard;
    return counted;
}

}  // namespace hal
}  // namespace qcot

using namespace qcot::hal;

ISR(QCOT_PULSE_vect) {
    EIMSK &= uint8_t(~kPulseInt);
    TCNT0 = 0;
    TCCR0B = 1 << CS01 | 1 << CS00;
    counted = counted + 1;
}

ISR(TIMER0_COMPA_vect) {
    TCCR0B = 0;
    EIFR = kPulseInt;
    EIMSK |= kPulseInt;
}

#endif
