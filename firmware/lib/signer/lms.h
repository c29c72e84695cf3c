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

}  // namespace lms
}  // namespace qcot
