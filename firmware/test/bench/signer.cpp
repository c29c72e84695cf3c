// Cycles of one leaf and of signatures on an AVR, of the signer alone: no board around it, and an EEPROM that takes no time.
#include "signer/signer.h"

#include "hal/hal.h"
#include "support/harness.h"

using namespace qcot;
using namespace qcot_test;

namespace {

constexpr uint8_t kSignatures = 4;

uint8_t storage[384];
Signer signer;

// Timer1 at the CPU's clock; steps are shorter than its period.
uint32_t cycles_of_step() {
    TCNT1 = 0;
    TIFR1 = 1 << TOV1;
    signer.step();
    const uint16_t low = TCNT1;
    return low + (TIFR1 & 1 << TOV1 ? 65536 : 0);
}

void tell(const char* name, uint32_t figure) {
    put_text(name);
    put(' ');
    put_number(figure);
    put('\n');
}

}  // namespace

void hal::storage_read(uint16_t at, void* to, uint8_t size) { memcpy(to, storage + (at - 640), size); }
void hal::storage_write(uint16_t at, const void* from, uint8_t size) { memcpy(storage + (at - 640), from, size); }
int16_t hal::noise() { return 0; }
void hal::noise_end() {}

int main() {
    start();
    TCCR1A = 0;
    TCCR1B = 1 << CS10;
    memset(storage, 0xFF, sizeof storage);
    uint8_t seed[lms::kN] = {1, 2, 3};
    leaf_store::create(seed);
    signer.begin();
    uint32_t total = 0, longest = 0;
    signer.want_leaf(0);
    while (!signer.leaf()) {
        const uint32_t cycles = cycles_of_step();
        total += cycles;
        if (cycles > longest) longest = cycles;
    }
    tell(PSTR("leaf"), total);
    tell(PSTR("step"), longest);
    total = 0;
    for (uint8_t i = 0; i < kSignatures; ++i) {
        uint8_t randomizer[lms::kN], message[66] = {i};
        signer.sign([&message](lms::Stream& stream) { stream.add(message, sizeof message); }, randomizer);
        while (signer.signing()) {
            if (signer.value()) {
                signer.take();
            } else {
                total += cycles_of_step();
            }
        }
        signer.forget();
    }
    tell(PSTR("signature"), total / kSignatures);
    tell(PSTR("ram"), sizeof(Signer));
    end(0);
}
