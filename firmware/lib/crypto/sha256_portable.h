// The compression function in C++, for machines that shift words by any number of bits at once.
#pragma once

#include "hal/progmem.h"
#include "sha256.h"

namespace qcot {
namespace sha256_portable {

const uint32_t kRound[64] PROGMEM = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

template <int N>
constexpr uint32_t ror(uint32_t x) {
    return (x >> N) | (x << (32 - N));
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

inline void compress(Sha256State state, const Sha256Block block) {
    uint32_t v[8], w[16];
    for (uint8_t i = 0; i < 8; ++i) v[i] = load(state + 4 * i);
    for (uint8_t i = 0; i < 16; ++i) w[i] = load(block + 4 * i);
    for (uint8_t t = 0; t < 64; ++t) {
        uint32_t& word = w[t & 15];
        if (t >= 16) {
            const uint32_t x = w[(t + 1) & 15], y = w[(t + 14) & 15];
            word += w[(t + 9) & 15] + (ror<7>(x) ^ ror<18>(x) ^ (x >> 3)) + (ror<17>(y) ^ ror<19>(y) ^ (y >> 10));
        }
        // a..h are v[(0 - t) & 7] to v[(7 - t) & 7]: instead of moving on they are renamed.
        const uint8_t at = uint8_t(0 - t);
        const uint32_t a = v[at & 7], b = v[(at + 1) & 7], c = v[(at + 2) & 7];
        const uint32_t e = v[(at + 4) & 7], f = v[(at + 5) & 7], g = v[(at + 6) & 7];
        uint32_t& h = v[(at + 7) & 7];
        h += (ror<6>(e) ^ ror<11>(e) ^ ror<25>(e)) + (g ^ (e & (f ^ g))) + pgm_read_dword(kRound + t) + word;
        v[(at + 3) & 7] += h;
        h += (ror<2>(a) ^ ror<13>(a) ^ ror<22>(a)) + (b ^ ((a ^ b) & (b ^ c)));
    }
    for (uint8_t i = 0; i < 8; ++i) store(state + 4 * i, load(state + 4 * i) + v[i]);
}

}  // namespace sha256_portable
}  // namespace qcot
