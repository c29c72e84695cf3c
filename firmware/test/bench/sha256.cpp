// Cycles on an AVR, counted by its own Timer1 at the CPU's clock; simavr repeats them exactly.
#include "chain/chain.h"
#include "crypto/hmac.h"
#include "support/harness.h"

using namespace qcot;
using namespace qcot_test;

namespace {

uint8_t data[kBlockSize], digest[kHashSize];
Sha256State state;
HmacKey key;

uint16_t overflows() { return TIFR1 & 1 << TOV1 ? 1 : 0; }

template <typename Work>
void measure(const char* name, Work work) {
    TCNT1 = 0;
    TIFR1 = 1 << TOV1;
    work();
    const uint16_t low = TCNT1;
    const uint32_t cycles = low + (uint32_t(overflows()) << 16);
    put_text(name);
    put_text(PSTR(" cycles "));
    put_number(cycles);
    put('\n');
}

}  // namespace

int main() {
    start();
    TCCR1A = 0;
    TCCR1B = 1 << CS10;
    sha256_init(state);
    measure(PSTR("sha256_block"), [] {
        Sha256Block block = {};
        sha256_compress(state, block);
    });
    measure(PSTR("sha256_link"), [] { chain_step(digest, 1, Reading{}); });
    hmac_key(key, data, 32);
    measure(PSTR("hmac_nonce"), [] { hmac(key, data, 29, digest); });
    end(0);
}
