#include "crypto/hmac.h"
#include "support/harness.h"
#include "vectors.h"

using namespace qcot;
using namespace qcot_test;

#ifndef QCOT_MESSAGES
#ifdef __AVR__
#define QCOT_MESSAGES 5000  // `run.py sha256` takes all
#else
#define QCOT_MESSAGES 100000
#endif
#endif

TEST(sha256_gives_the_digests_of_fips_180_4_and_of_hashlib) {
    for (const auto& row : vectors::sha256) {
        const auto one = from_flash(row);
        uint8_t data[256], want[kHashSize], have[kHashSize];
        load(one.sha256, want);
        sha256(data, load(one.data, data), have);
        CHECK_BYTES(have, want, kHashSize);
    }
}

// Each message is made of the digests before it, after the Monte Carlo test of NIST's SHAVS: one wrong digest makes all that
// follow wrong. run.py does the same with hashlib.
TEST(sha256_agrees_with_hashlib_on_random_messages) {
    static uint8_t data[256];
    uint8_t digest[kHashSize] = {};
    const auto* expected = vectors::rolling;
    for (uint16_t i = 0; i < 256; ++i) data[i] = uint8_t(i);
    for (uint32_t i = 0; i < QCOT_MESSAGES; ++i) {
        const uint8_t drawn = digest[0];
        sha256(data, i < 256 ? uint16_t(i) : i % 16 ? drawn % 56 : drawn, digest);
        uint8_t* const also = data + kHashSize * (1 + i % 7);
        for (uint8_t k = 0; k < kHashSize; ++k) {
            data[k] = uint8_t(data[k] ^ digest[k]);
            also[k] = uint8_t(also[k] ^ digest[k]);
        }
        if ((i + 1) % vectors::kRollingEvery) continue;
        uint8_t have[kHashSize], want[kHashSize];
        sha256(data, 256, have);
        load(from_flash(*expected++).sha256, want);
        CHECK_BYTES(have, want, kHashSize);
    }
}

#if QCOT_MESSAGES >= 100000

TEST(sha256_gives_the_digest_of_a_million_times_a) {
    Sha256State state;
    sha256_init(state);
    Sha256Block block;
    for (uint16_t i = 0; i < 1000000 / kBlockSize; ++i) {
        memset(block, 'a', kBlockSize);
        sha256_compress(state, block);
    }
    sha256_finish(state, block, 0, 1000000);
    uint8_t want[kHashSize];
    load(vectors::million, want);
    CHECK_BYTES(state, want, kHashSize);
}

#endif

TEST(sha256_one_is_the_digest_of_each_message_that_fits_a_block) {
    uint8_t data[kOneBlock], want[kHashSize], have[kHashSize];
    for (uint8_t i = 0; i < kOneBlock; ++i) data[i] = uint8_t(i * 11);
    for (uint8_t size = 0; size <= kOneBlock; ++size) {
        Sha256Block block;
        memset(block, 0xEE, sizeof block);
        memcpy(block, data, size);
        sha256_pad(block, size);
        sha256_one(block, have);
        sha256(data, size, want);
        CHECK_BYTES(have, want, kHashSize);
    }
}

TEST(sha256_pad_counts_the_blocks_before) {
    uint8_t data[256], want[kHashSize];
    for (uint16_t i = 0; i < 256; ++i) data[i] = uint8_t(i * 5);
    for (uint8_t size = 0; size <= kOneBlock; size = uint8_t(size + 11)) {
        Sha256State state;
        Sha256Block block;
        sha256_init(state);
        for (uint8_t i = 0; i < 3; ++i) {
            memcpy(block, data + i * kBlockSize, kBlockSize);
            sha256_compress(state, block);
        }
        memcpy(block, data + 3 * kBlockSize, size);
        sha256_pad(block, size, 3 * kBlockSize);
        sha256_compress(state, block);
        sha256(data, uint16_t(3 * kBlockSize + size), want);
        CHECK_BYTES(state, want, kHashSize);
    }
}

TEST(sha256_goes_on_from_any_block) {
    uint8_t data[256], whole[kHashSize];
    for (uint16_t i = 0; i < 256; ++i) data[i] = uint8_t(i * 7);
    sha256(data, 256, whole);
    for (uint8_t blocks = 0; blocks <= 4; ++blocks) {
        Sha256State state;
        sha256_init(state);
        for (uint8_t i = 0; i < blocks; ++i) {
            Sha256Block block;
            memcpy(block, data + i * kBlockSize, kBlockSize);
            sha256_compress(state, block);
        }
        const uint16_t done = uint16_t(blocks * kBlockSize);
        sha256_finish(state, data + done, uint16_t(256 - done), done);
        CHECK_BYTES(state, whole, kHashSize);
    }
}

TEST(hmac_gives_the_macs_of_rfc_4231_and_of_hashlib) {
    for (const auto& row : vectors::hmac) {
        const auto one = from_flash(row);
        uint8_t secret[64], data[256], want[kHashSize], have[kHashSize];
        HmacKey key;
        hmac_key(key, secret, uint8_t(load(one.key, secret)));
        load(one.mac, want);
        const uint16_t size = load(one.data, data);
        hmac(key, data, size, have);
        CHECK_BYTES(have, want, kHashSize);
        hmac(key, data, size, data);
        CHECK_BYTES(data, want, kHashSize);
    }
}

TEST(equal_bytes_sees_each_bit) {
    uint8_t a[16] = {}, b[16] = {};
    CHECK(equal_bytes(a, b, 16));
    for (uint8_t bit = 0; bit < 128; ++bit) {
        b[bit / 8] = uint8_t(1 << bit % 8);
        CHECK(!equal_bytes(a, b, 16));
        b[bit / 8] = 0;
    }
}

TEST(wipe_leaves_nothing) {
    uint8_t secret[8] = {1, 2, 3, 4, 5, 6, 7, 8}, zero[8] = {};
    wipe(secret, sizeof secret);
    CHECK_BYTES(secret, zero, 8);
}

#ifdef __AVR__

namespace {

uint16_t cycles(Sha256State state, Sha256Block block) {
    TCCR1A = 0;
    TCCR1B = 1 << CS10;
    TCNT1 = 0;
    sha256_compress(state, block);
    return TCNT1;
}

}  // namespace

TEST(sha256_compress_takes_the_same_cycles_whatever_it_hashes) {
    Random random{7};
    Sha256State state = {};
    Sha256Block block = {};
    const uint16_t zeros = cycles(state, block);
    memset(state, 0xFF, sizeof state);
    memset(block, 0xFF, sizeof block);
    CHECK_EQUAL(cycles(state, block), zeros);
    for (uint8_t i = 0; i < 200; ++i) {
        for (uint8_t k = 0; k < kHashSize; ++k) state[k] = uint8_t(random());
        for (uint8_t k = 0; k < kBlockSize; ++k) block[k] = uint8_t(random());
        CHECK_EQUAL(cycles(state, block), zeros);
    }
}

// Calls compress(state, block) with a number of its own in each register that a callee keeps, and notes what came back: r2 to
// r17, r28, r29, r1, SREG.
extern "C" void probe(Sha256State state, Sha256Block block, uint8_t came_back[20], void (*compress)(uint8_t*, uint8_t*));
asm(R"(
.macro each_kept_register operation
  .irp r, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29
    \operation \r
  .endr
.endm
.macro number r
    ldi r26, 0x40 + \r
    mov \r, r26
.endm
.macro note r
    st X+, \r
.endm
.section .text.probe, "ax", @progbits
.global probe
.type probe, @function
probe:
    each_kept_register push
    push r21
    push r20
    movw r30, r18
    each_kept_register number
    icall
    in r18, __SREG__
    pop r26
    pop r27
    each_kept_register note
    note r1
    note r18
    clr r1
  .irp r, 29, 28, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2
    pop \r
  .endr
    ret
.size probe, . - probe
.text
)");

TEST(sha256_keeps_the_registers_of_its_caller_and_interrupts_on) {
    void (*const both[])(uint8_t*, uint8_t*) = {sha256_compress, sha256_one};
    for (const auto compress : both) {
        uint8_t state[kBlockSize] = {}, block[kBlockSize] = {}, came_back[20];
        sei();
        probe(state, block, came_back, compress);
        cli();
        for (uint8_t i = 0; i < 16; ++i) CHECK_EQUAL(came_back[i], 0x42 + i);
        CHECK_EQUAL(came_back[16], 0x40 + 28);
        CHECK_EQUAL(came_back[17], 0x40 + 29);
        CHECK_EQUAL(came_back[18], 0);
        CHECK(came_back[19] & 1 << SREG_I);
    }
}

namespace {

volatile uint16_t interrupts;
volatile uint8_t quickest, slowest;

}  // namespace

// The timer counts on from 0 at its match: what it shows here is how long the interrupt waited.
ISR(TIMER0_COMPA_vect) {
    const uint8_t waited = TCNT0;
    if (waited < quickest) quickest = waited;
    if (waited > slowest) slowest = waited;
    interrupts = uint16_t(interrupts + 1);
}

TEST(sha256_is_interrupted_anywhere_without_harm_and_makes_no_interrupt_wait) {
    Random random{9};
    Sha256State alone, state;
    Sha256Block block, same;
    sha256_init(state);
    memcpy(alone, state, sizeof state);
    interrupts = 0;
    quickest = 0xFF;
    slowest = 0;
    TCCR0A = 1 << WGM01;
    TCCR0B = 1 << CS00;
    TIMSK0 = 1 << OCIE0A;
    for (uint8_t i = 0; i < 20; ++i) {
        OCR0A = uint8_t(200 + i);
        for (uint8_t k = 0; k < kBlockSize; ++k) same[k] = block[k] = uint8_t(random());
        sha256_compress(alone, same);
        TCNT0 = 0;
        TIFR0 = 1 << OCF0A;
        sei();
        sha256_compress(state, block);
        cli();
        CHECK_BYTES(state, alone, kHashSize);
    }
    TIMSK0 = 0;
    CHECK(interrupts > 20 * 80);
    CHECK(slowest - quickest <= 4);  // the longest instruction
}

#endif

QCOT_TEST_MAIN("crypto")
