#include "hmac.h"

#include <string.h>

namespace qcot {
namespace {

void absorb_pad(Sha256State state, const uint8_t* secret, uint8_t size, uint8_t pad) {
    Sha256Block block;
    memset(block, pad, kBlockSize);
    for (uint8_t i = 0; i < size; ++i) block[i] = uint8_t(block[i] ^ secret[i]);
    sha256_init(state);
    sha256_compress(state, block);
    wipe(block, sizeof block);
}

// state = the digest of what it has taken, one block, and of `digest`. Not inlined: its block is made when none else lies there.
__attribute__((noinline)) void absorb_digest(Sha256State state, const uint8_t digest[kHashSize]) {
    Sha256Block block;
    sha256_copy(block, digest, kHashSize / 8);
    sha256_pad(block, kHashSize, kBlockSize);
    sha256_compress(state, block);
}

}  // namespace

void hmac_key(HmacKey& key, const uint8_t* secret, uint8_t size) {
    absorb_pad(key.inner, secret, size, 0x36);
    absorb_pad(key.outer, secret, size, 0x5c);
}

void hmac(const HmacKey& key, const uint8_t* data, uint16_t size, uint8_t out[kHashSize]) {
    Sha256State inner;
    sha256_copy(inner, key.inner, kHashSize / 8);
    sha256_finish(inner, data, size, kBlockSize);
    sha256_copy(out, key.outer, kHashSize / 8);
    absorb_digest(out, inner);
}

bool equal_bytes(const uint8_t* a, const uint8_t* b, uint8_t size) {
    uint8_t differ = 0;
    while (size--) differ = uint8_t(differ | (*a++ ^ *b++));
    return differ == 0;
}

}  // namespace qcot
