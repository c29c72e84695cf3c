// Keys and nonces of docs/link-protocol.md, "Keys and sessions", from the HMAC key made of K_device.
// `out` may be that key itself.
#pragma once

#include "crypto/hmac.h"
#include "messages.h"

namespace qcot {

void derive_enrol_key(const HmacKey& device, const uint8_t challenge[kNonceSize], HmacKey& out);

void derive_nonce(const HmacKey& device, uint32_t epoch, uint32_t session, const uint8_t noise[kNoiseSize],
                  uint8_t nonce[kNonceSize]);

void derive_session_key(const HmacKey& device, const uint8_t nonce[kNonceSize], const uint8_t host_nonce[kNonceSize],
                        HmacKey& out);

}  // namespace qcot
