#include "sha256.h"

#include <string.h>

#include "hal/progmem.h"
#include "sha256_round.h"

namespace qcot {
namespace {

const Sha256State kInit PROGMEM = {0x6a, 0x09, 0xe6, 0x67, 0xbb, 0x67, 0xae, 0x85, 0x3c, 0x6e, 0xf3, 0x72, 0xa5, 0x4f, 0xf5, 0x3a,
                                   0x51, 0x0e, 0x52, 0x7f, 0x9b, 0x05, 0x68, 0x8c, 0x1f, 0x83, 0xd9, 0xab, 0x5b, 0xe0, 0xcd, 0x19};

const uint32_t kRound[64] PROGMEM = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// The working variables a..h are eight words of a longer array, and the window on them moves down one word a round:
// then b..d and f..h need no copying, and a round stores two words only. Not inlined: the loops want all registers.
constexpr uint8_t kRoundsPerSlide = 8;

__attribute__((noinline)) void rounds(uint32_t* top, const uint32_t* schedule, const uint32_t* constants) {
    for (uint8_t i = kRoundsPerSlide; i; --i) sha256_round(top--, pgm_read_dword(constants++) + *schedule++);
}

__attribute__((noinline)) void expand(uint32_t w[16]) {
    for (uint8_t i = 0; i < 16; ++i) w[i] += w[(i + 9) & 15] + sigma0(w[(i + 1) & 15]) + sigma1(w[(i + 14) & 15]);
}

inline uint32_t load(const uint8_t* at) {
    uint32_t x;
    memcpy(&x, at, 4);
    return __builtin_bswap32(x);
}

inline void store(uint8_t* at, uint32_t x) {
    x = __builtin_bswap32(x);
    memcpy(at, &x, 4);
}

}  // namespace

void sha256_init(Sha256State state) { memcpy_P(state, kInit, sizeof kInit); }

extern "C" void sha256_compress(Sha256State state, Sha256Block block) {
#ifdef __AVR__
    uint32_t* const w = reinterpret_cast<uint32_t*>(block);
#else
    uint32_t w[16];
#endif
    for (uint8_t i = 0; i < 16; ++i) w[i] = load(block + 4 * i);
    uint32_t work[kRoundsPerSlide + 8];
    uint32_t* const high = work + kRoundsPerSlide;
    for (uint8_t i = 0; i < 8; ++i) high[i] = load(state + 4 * i);
    for (uint8_t done = 0; done < 64; done = uint8_t(done + kRoundsPerSlide)) {
        if (done) memcpy(high, work, 32);
        if (done && done % 16 == 0) expand(w);
        rounds(high - 1, w + done % 16, kRound + done);
    }
    for (uint8_t i = 0; i < 8; ++i) store(state + 4 * i, load(state + 4 * i) + work[i]);
}

void sha256_finish(Sha256State state, const uint8_t* data, uint16_t size, uint32_t before) {
    const uint32_t total = before + size;
    Sha256Block block;
    while (size >= kBlockSize) {
        memcpy(block, data, kBlockSize);
        sha256_compress(state, block);
        data += kBlockSize;
        size = uint16_t(size - kBlockSize);
    }
    memcpy(block, data, size);
    memset(block + size, 0, size_t(kBlockSize - size));
    block[size] = 0x80;
    if (size > kOneBlock) {
        sha256_compress(state, block);
        memset(block, 0, kBlockSize);
    }
    // The bit count is 64 bits wide; a message is shorter than 2^32 bytes.
    block[kBlockSize - 5] = uint8_t(total >> 29);
    store(block + kBlockSize - 4, total << 3);
    sha256_compress(state, block);
    wipe(block, sizeof block);
}

void sha256(const uint8_t* data, uint16_t size, uint8_t digest[kHashSize]) {
    sha256_init(digest);
    sha256_finish(digest, data, size, 0);
}

void wipe(void* secret, uint16_t size) {
    volatile uint8_t* at = static_cast<volatile uint8_t*>(secret);
    while (size--) *at++ = 0;
}

}  // namespace qcot
