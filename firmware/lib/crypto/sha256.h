// SHA-256 (FIPS 180-4). Constant time: no branch and no address depends on data.
#pragma once

#include <stdint.h>
#include <string.h>

namespace qcot {

constexpr uint8_t kHashSize = 32;
constexpr uint8_t kBlockSize = 64;

// Bytes in the order of FIPS 180-4: after the last block the state is the digest, and nothing is left to be swapped or copied.
using Sha256State = uint8_t[kHashSize];
using Sha256Block = uint8_t[kBlockSize];

void sha256_init(Sha256State state);

// The compression function: the one place to swap in another implementation. Spoils `block`: the message schedule is
// expanded in its place.
extern "C" void sha256_compress(Sha256State state, Sha256Block block);

// The quick way for a message that was laid into a block by whoever made it: sha256_pad, then sha256_one.
constexpr uint8_t kOneBlock = kBlockSize - 9;  // the longest message that leaves room for its padding

// Pads the last block of a message: `used` bytes of it, at most kOneBlock, after `before` bytes of earlier blocks. The whole
// message is shorter than 8,192 bytes. Inline: with numbers that are known it is a few stores.
inline void sha256_pad(Sha256Block block, uint8_t used, uint16_t before = 0) {
    const uint16_t bits = uint16_t((before + used) * 8u);
    block[used] = 0x80;
    memset(block + used + 1, 0, size_t(kBlockSize - 3 - used));
    block[kBlockSize - 2] = uint8_t(bits >> 8);
    block[kBlockSize - 1] = uint8_t(bits);
}

// The digest of a message that is one padded block, which it spoils. `digest` may be anything but in the block.
extern "C" void sha256_one(Sha256Block block, uint8_t digest[kHashSize]);

// Copies `eights` times 8 bytes, at least 8: in half of the time of memcpy on an AVR, where a block of these is 3 % of its hash.
extern "C" void sha256_copy(uint8_t* to, const uint8_t* from, uint8_t eights);

// Hash `data` after `before` bytes that `state` has already taken (a multiple of 64), and pad: `state` is then the digest.
void sha256_finish(Sha256State state, const uint8_t* data, uint16_t size, uint32_t before);

// `digest` must not be `data`.
void sha256(const uint8_t* data, uint16_t size, uint8_t digest[kHashSize]);

// Overwrites a secret in a way that the compiler may not leave out.
void wipe(void* secret, uint16_t size);

}  // namespace qcot
