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

}  // namespace

void hmac_key(HmacKey& key, const uint8_t* secret, uint8_t size) {
    absorb_pad(key.inner, secret, size, 0x36);
    absorb_pad(key.outer, secret, size, 0x5c);
}

void hmac(const HmacKey& key, const uint8_t* data, uint16_t size, uint8_t out[kHashSize]) {
    Sha256State inner;
    memcpy(inner, key.inner, sizeof inner);
    sha256_finish(inner, data, size, kBlockSize);
    memcpy(out, key.outer, kHashSize);
    sha256_finish(out, inner, kHashSize, kBlockSize);
}

bool equal_bytes(const uint8_t* a, const uint8_t* b, uint8_t size) {
    uint8_t differ = 0;
    while (size--) differ = uint8_t(differ | (*a++ ^ *b++));
    return differ == 0;
}

}  // namespace qcot
