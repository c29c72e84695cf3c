// Cycles on an AVR, counted by its own Timer1 at the CPU's clock; simavr repeats them exactly. And bytes of stack.
#include "chain/chain.h"
#include "crypto/hmac.h"
#include "support/harness.h"

using namespace qcot;
using namespace qcot_test;

namespace {

uint8_t data[kBlockSize], digest[kHashSize];
Sha256State state;
Sha256Block block;
HmacKey key;

void tell(const char* name, uint32_t value) {
    put_text(name);
    put(' ');
    put_number(value);
    put('\n');
}

// Timer1 counts cycles and Timer0 tells how often it came round: up to 2^18.
template <typename Work>
uint32_t timed(Work work) {
    GTCCR = 1 << TSM | 1 << PSRSYNC;
    TCNT0 = 0;
    TCNT1 = 0;
    GTCCR = 0;
    work();
    const uint16_t low = TCNT1;
    const uint32_t about = uint32_t(TCNT0) << 10;
    return low + ((about - low + 0x8000) & ~0xFFFFul);
}

template <typename Work>
void measure(const char* name, Work work) {
    tell(name, timed(work) - timed([] {}));
}

// Bytes of stack that are written below the caller's, the return address with them.
uint16_t __attribute__((noinline)) stack_of(void (*work)()) {
    constexpr uint16_t kDeep = 700;
    volatile uint8_t* const top = reinterpret_cast<uint8_t*>(SP);
    for (volatile uint8_t* at = top - kDeep; at < top; ++at) *at = 0xA5;
    work();
    for (volatile uint8_t* at = top - kDeep; at < top; ++at)
        if (*at != 0xA5) return uint16_t(top - at + 1);
    return 0;
}

void compress() { sha256_compress(state, block); }
void nothing() {}

}  // namespace

int main() {
    start();
    TCCR1B = 1 << CS10;
    TCCR0B = 1 << CS02 | 1 << CS00;
    sha256_init(state);
    measure(PSTR("block"), [] { sha256_compress(state, block); });
    measure(PSTR("one"), [] { sha256_one(block, digest); });
    measure(PSTR("link"), [] { chain_step(digest, 1, Reading{}); });
    hmac_key(key, data, 32);
    measure(PSTR("hmac"), [] { hmac(key, data, 29, digest); });
    tell(PSTR("stack"), uint16_t(stack_of(compress) - stack_of(nothing)));
    end(0);
}
