// The compression function word for word after FIPS 180-4 section 6.2.2, as it is written without thought of the machine: what
// the others are compared with.
#include "crypto/sha256_portable.h"

namespace qcot {
namespace {

uint32_t rotr(uint32_t x, uint8_t n) { return (x >> n) | (x << (32 - n)); }
uint32_t ch(uint32_t x, uint32_t y, uint32_t z) { return (x & y) ^ (~x & z); }
uint32_t maj(uint32_t x, uint32_t y, uint32_t z) { return (x & y) ^ (x & z) ^ (y & z); }
uint32_t big0(uint32_t x) { return rotr(x, 2) ^ rotr(x, 13) ^ rotr(x, 22); }
uint32_t big1(uint32_t x) { return rotr(x, 6) ^ rotr(x, 11) ^ rotr(x, 25); }
uint32_t small0(uint32_t x) { return rotr(x, 7) ^ rotr(x, 18) ^ (x >> 3); }
uint32_t small1(uint32_t x) { return rotr(x, 17) ^ rotr(x, 19) ^ (x >> 10); }

}  // namespace

extern "C" const uint8_t sha256_initial[kHashSize] PROGMEM = {
    0x6a, 0x09, 0xe6, 0x67, 0xbb, 0x67, 0xae, 0x85, 0x3c, 0x6e, 0xf3, 0x72, 0xa5, 0x4f, 0xf5, 0x3a,
    0x51, 0x0e, 0x52, 0x7f, 0x9b, 0x05, 0x68, 0x8c, 0x1f, 0x83, 0xd9, 0xab, 0x5b, 0xe0, 0xcd, 0x19};

extern "C" void sha256_compress(Sha256State state, Sha256Block block) {
    uint32_t w[64];
    for (uint8_t t = 0; t < 16; ++t) w[t] = sha256_portable::load(block + 4 * t);
    for (uint8_t t = 16; t < 64; ++t) w[t] = small1(w[t - 2]) + w[t - 7] + small0(w[t - 15]) + w[t - 16];
    uint32_t h[8];
    for (uint8_t i = 0; i < 8; ++i) h[i] = sha256_portable::load(state + 4 * i);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], last = h[7];
    for (uint8_t t = 0; t < 64; ++t) {
        const uint32_t t1 = last + big1(e) + ch(e, f, g) + pgm_read_dword(sha256_portable::kRound + t) + w[t];
        const uint32_t t2 = big0(a) + maj(a, b, c);
        last = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    const uint32_t v[8] = {a, b, c, d, e, f, g, last};
    for (uint8_t i = 0; i < 8; ++i) sha256_portable::store(state + 4 * i, h[i] + v[i]);
}

extern "C" void sha256_one(Sha256Block block, uint8_t digest[kHashSize]) {
    sha256_init(digest);
    sha256_compress(digest, block);
}

extern "C" void sha256_copy(uint8_t* to, const uint8_t* from, uint8_t eights) { memcpy(to, from, size_t(eights) * 8); }

}  // namespace qcot
