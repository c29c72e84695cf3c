#include "sha256.h"

#include <string.h>

#include "hal/progmem.h"

namespace qcot {

extern "C" const uint8_t sha256_initial[kHashSize];  // in flash

void sha256_init(Sha256State state) { memcpy_P(state, sha256_initial, kHashSize); }

void sha256_finish(Sha256State state, const uint8_t* data, uint16_t size, uint32_t before) {
    const uint32_t total = before + size;
    Sha256Block block;
    while (size >= kBlockSize) {
        sha256_copy(block, data, kBlockSize / 8);
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
    const uint32_t bits = total << 3;
    block[kBlockSize - 4] = uint8_t(bits >> 24);
    block[kBlockSize - 3] = uint8_t(bits >> 16);
    block[kBlockSize - 2] = uint8_t(bits >> 8);
    block[kBlockSize - 1] = uint8_t(bits);
    sha256_compress(state, block);
    wipe(block, sizeof block);
}

void sha256(const uint8_t* data, uint16_t size, uint8_t digest[kHashSize]) {
    sha256_init(digest);
    sha256_finish(digest, data, size, 0);
}

void wipe(void* secret, uint16_t size) {
    memset(secret, 0, size);
    asm volatile("" : : "r"(secret) : "memory");  // which may read it: the zeros must be there
}

}  // namespace qcot
