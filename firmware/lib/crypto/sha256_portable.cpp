// For all machines but AVRs, which have an assembly of their own, sha256_avr.S; and on one to compare it with.
#if !defined(__AVR__) || defined(QCOT_PORTABLE_SHA256)

#include "sha256_portable.h"

namespace qcot {

extern "C" const uint8_t sha256_initial[kHashSize] PROGMEM = {
    0x6a, 0x09, 0xe6, 0x67, 0xbb, 0x67, 0xae, 0x85, 0x3c, 0x6e, 0xf3, 0x72, 0xa5, 0x4f, 0xf5, 0x3a,
    0x51, 0x0e, 0x52, 0x7f, 0x9b, 0x05, 0x68, 0x8c, 0x1f, 0x83, 0xd9, 0xab, 0x5b, 0xe0, 0xcd, 0x19};

extern "C" void sha256_compress(Sha256State state, Sha256Block block) { sha256_portable::compress(state, block); }

extern "C" void sha256_one(Sha256Block block, uint8_t digest[kHashSize]) {
    sha256_init(digest);
    sha256_compress(digest, block);
}

extern "C" void sha256_copy(uint8_t* to, const uint8_t* from, uint8_t eights) { memcpy(to, from, size_t(eights) * 8); }

}  // namespace qcot

#endif
