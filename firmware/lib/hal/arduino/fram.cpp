// A serial FRAM with 24-bit addresses (FM25V10, FM25V20A, MB85RS2MT) on the SPI pins of an Uno: CS on D10,
// with a pull-up; SCK is D13 and shows the LED's pattern whenever the part is not spoken to.
#if defined(__AVR__) && defined(QCOT_FRAM)

#include <avr/io.h>
#include <string.h>

#include "hal/arduino/power.h"
#include "hal/hal.h"

namespace qcot {
namespace hal {
namespace {

#if !defined(__AVR_ATmega328P__)
#error "the part's pins are those of an Uno"
#endif
constexpr uint8_t kSelect = 1 << 2, kMosi = 1 << 3, kSck = 1 << 5;  // of port B

enum Command : uint8_t { kWrite = 2, kRead = 3, kWriteEnable = 6 };

constexpr uint32_t kLeast = 16ul * 1024, kMost = 4096ul * 1024;  // bytes worth having, and looked for
constexpr uint8_t kTries = 3;

uint8_t exchange(uint8_t byte) {
    SPDR = byte;
    while (!(SPSR & 1 << SPIF)) {
    }
    return SPDR;
}

// One command while it lives. The clock idles low before the part is selected and after, whatever the LED shows.
class Transaction {
public:
    explicit Transaction(Command command) {
        SPCR = 1 << SPE | 1 << MSTR;
        PORTB &= uint8_t(~kSelect);
        exchange(command);
    }
    Transaction(Command command, uint32_t at) : Transaction(command) {
        exchange(uint8_t(at >> 16));
        exchange(uint8_t(at >> 8));
        exchange(uint8_t(at));
    }
    ~Transaction() {
        PORTB |= kSelect;
        SPCR = 0;
    }
};

void write_once(uint32_t at, const uint8_t* from, uint8_t size) {
    { const Transaction enable(kWriteEnable); }  // good for one write
    const Transaction write(kWrite, at);
    while (size--) exchange(*from++);
}

bool holds(uint32_t at, const uint8_t* want, uint8_t size) {
    const Transaction read(kRead, at);
    bool good = true;
    while (size--) good = (exchange(0) == *want++) && good;
    return good;
}

}  // namespace

void part_read(uint32_t at, void* to, uint8_t size) {
    uint8_t* byte = static_cast<uint8_t*>(to);
    const Transaction read(kRead, at);
    while (size--) *byte++ = exchange(0);
}

bool part_write(uint32_t at, const void* from, uint8_t size) {
    const uint8_t* const bytes = static_cast<const uint8_t*>(from);
    for (uint8_t tries = kTries; tries; --tries) {
        write_once(at, bytes, size);
        if (holds(at, bytes, size)) return true;
    }
    return false;
}

// By what it does and not by its name, which each maker spells differently: it keeps two patterns, in bytes of their own
// (a part with 16-bit addresses takes the last byte of an address for data), and at its size it begins anew.
uint32_t part_begin() {
    power(PRSPI, true);
    PORTB |= kSelect;
    DDRB |= kSelect | kMosi | kSck;
    SPSR = 1 << SPI2X;  // 8 MHz
    static const uint8_t first[] = {0xA5, 0x3C, 0x96, 0x0F}, other[] = {0x5A, 0xC3, 0x69, 0xF0};
    if (!part_write(0, first, sizeof first) || !holds(1, first + 1, sizeof first - 1)) return 0;
    uint32_t size = 1024;
    while (size < kMost && part_write(size, other, sizeof other) && holds(0, first, sizeof first)) size *= 2;
    return size < kLeast ? 0 : size;
}

}  // namespace hal
}  // namespace qcot

#endif
