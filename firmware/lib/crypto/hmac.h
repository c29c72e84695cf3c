// HMAC-SHA-256 (RFC 2104) with both midstates of a key kept: a MAC then costs two compressions less.
#pragma once

#include "sha256.h"

namespace qcot {

constexpr uint8_t kMacSize = 16;  // docs/link-protocol.md: MAC16

struct HmacKey {
    Sha256State inner;
    Sha256State outer;
};

// `size` at most 64 bytes: no key of the link is longer.
void hmac_key(HmacKey& key, const uint8_t* secret, uint8_t size);

// `out` may be `data`.
void hmac(const HmacKey& key, const uint8_t* data, uint16_t size, uint8_t out[kHashSize]);

// Compares in time that does not depend on the bytes.
bool equal_bytes(const uint8_t* a, const uint8_t* b, uint8_t size);

}  // namespace qcot
