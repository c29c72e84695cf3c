// The hash chain over readings: docs/link-protocol.md, "Readings and their chain".
#pragma once

#include "reading.h"
#include "crypto/sha256.h"

namespace qcot {

using Link = uint8_t[kHashSize];

void chain_start(const uint8_t device[8], uint32_t epoch, Link link);

// link = SHA-256(link || seq || reading): one compression.
void chain_step(Link link, uint32_t seq, const Reading& reading);

}  // namespace qcot
