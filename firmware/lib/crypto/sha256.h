// SHA-256 (FIPS 180-4). Constant time: no branch and no address depends on data.
#pragma once

#include <stdint.h>

namespace qcot {

constexpr uint8_t kHashSize = 32;
constexpr uint8_t kBlockSize = 64;

// State words are native integers; blocks and digests are bytes as FIPS 180-4 orders them.
using Sha256State = uint32_t[8];

void sha256_init(Sha256State state);

// A block's 64 bytes in order, aligned for words.
using Sha256Block = uint32_t[16];

// The compression function: the one place to swap in another implementation. Spoils `block`: the message schedule is
// expanded in its place.
void sha256_compress(Sha256State state, Sha256Block block);

// Hash `data` after `before` bytes that `state` has already taken (a multiple of 64), pad, and write the digest.
void sha256_finish(Sha256State state, const uint8_t* data, uint16_t size, uint32_t before, uint8_t digest[kHashSize]);

void sha256(const uint8_t* data, uint16_t size, uint8_t digest[kHashSize]);

void sha256_digest(const Sha256State state, uint8_t digest[kHashSize]);

// Overwrites a secret in a way that the compiler may not leave out.
void wipe(void* secret, uint16_t size);

}  // namespace qcot
