// The arithmetic of LMS signatures (RFC 8554; the sets of SP 800-208 with SHA-256 and SHA-256/192): pure functions over
// bytes, each one compression or two. Who signs what, and when, is in signer.h; what must outlive power in leaf_store.h.
//
// One tree for each build: QCOT_LMS_N 24 or 32 bytes of hash, QCOT_LMS_W 4 or 8 bits a chain, QCOT_LMS_H 5 or 10 levels.
#pragma once

#include <stdint.h>

#include "crypto/sha256.h"

#ifndef QCOT_LMS_N
#define QCOT_LMS_N 24
#endif
#ifndef QCOT_LMS_W
#define QCOT_LMS_W 4
#endif
#ifndef QCOT_LMS_H
#ifdef __AVR__
#define QCOT_LMS_H 10
#else
#define QCOT_LMS_H 5  // a native board has a key within a second
#endif
#endif

namespace qcot {
namespace lms {

constexpr uint8_t kN = QCOT_LMS_N;
constexpr uint8_t kW = QCOT_LMS_W;
constexpr uint8_t kH = QCOT_LMS_H;
static_assert((kN == 24 || kN == 32) && (kW == 4 || kW == 8) && (kH == 5 || kH == 10), "no such set");

constexpr uint16_t kLeaves = 1u << kH;
constexpr uint8_t kIdentifierSize = 16;

// RFC 8554 section 4.1: chains, of which 2 or 3 are the checksum's, and how far the checksum is shifted.
constexpr uint8_t kDigits = 8 * kN / kW;
constexpr uint8_t kChains = kDigits + (kW == 4 ? 3 : 2);
constexpr uint8_t kShift = kW == 4 ? 4 : 0;
constexpr uint8_t kSteps = (1 << kW) - 1;

// The registered types' last bytes; the others are zero.
constexpr uint8_t kTreeType = (kN == 24 ? 0x0A : 0x05) + (kH == 10 ? 1 : 0);
constexpr uint8_t kOneTimeType = (kN == 24 ? 0x07 : 0x03) + (kW == 8 ? 1 : 0);

// What stands in the place of i where no chain is hashed (RFC 8554 sections 4.3, 4.5, 5.3; appendix A and SP 800-208 for C).
constexpr uint16_t kPublic = 0x8080;
constexpr uint16_t kMessage = 0x8181;
constexpr uint16_t kLeaf = 0x8282;
constexpr uint16_t kInterior = 0x8383;
constexpr uint16_t kRandomizer = 0xFFFD;
constexpr uint8_t kFromSeed = 0xFF;  // in the place of j

// What every hash begins with: I, q (or the node's number r), i (or one of the above), and for chains j. Big endian.
struct Prefix {
    uint8_t identifier[kIdentifierSize];
    uint8_t q[4];
    uint8_t i[2];
    uint8_t j;

    void set_q(uint16_t x) {
        q[0] = q[1] = 0;
        q[2] = uint8_t(x >> 8);
        q[3] = uint8_t(x);
    }
    void set_i(uint16_t x) {
        i[0] = uint8_t(x >> 8);
        i[1] = uint8_t(x);
    }
};
constexpr uint8_t kPrefixSize = sizeof(Prefix) - 1;  // without j
static_assert(sizeof(Prefix) == 23, "as it is hashed");

// value = H(I || q || i || j || value): one step of a chain, or from SEED a chain's start or C. One compression.
void chain_step(const Prefix& prefix, uint8_t value[kN]);

// Any other hash, taken in pieces: at most one compression for 64 bytes given.
class Stream {
public:
    // Begins with I || q || i.
    void begin(const Prefix& prefix, uint16_t i);
    // Begins with nothing.
    void begin();
    void add(const void* from, uint8_t size);
    void finish(uint8_t* out, uint8_t size);

private:
    Sha256State state_;
    Sha256Block block_;
    uint16_t size_;
};

// node = H(I || r || D_LEAF || K), r = 2^h + leaf: the tree's leaf from its one-time public key. One compression.
void leaf_node(const Prefix& prefix, uint16_t leaf, uint8_t node[kN]);

// node = its parent, whose other child is `sibling`; node is the one above leaf `leaf` at `level`. Two compressions, in a
// stream that the caller has room for.
void parent_node(Stream& stream, const Prefix& prefix, uint16_t leaf, uint8_t level, const uint8_t sibling[kN],
                 uint8_t node[kN]);

// The digest that is signed and its checksum, from which chain i's digit is taken (RFC 8554 sections 3.1.3 and 4.4).
using Digits = uint8_t[kN + 2];
void add_checksum(Digits digits);
uint8_t digit(const Digits digits, uint8_t i);

}  // namespace lms
}  // namespace qcot
