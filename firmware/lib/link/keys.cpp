#include "keys.h"

#include "bytes.h"
#include "hal/progmem.h"

namespace qcot {
namespace {

const char kEnrolLabel[] PROGMEM = "qcot/enrol/v1";
const char kNonceLabel[] PROGMEM = "qcot/nonce/v1";
const char kSessionLabel[] PROGMEM = "qcot/session/v1";

// The longest message: the session label and two nonces.
struct Message {
    uint8_t bytes[sizeof kSessionLabel - 1 + 2 * kNonceSize];
    uint8_t size;

    Message(const char* label, uint8_t length) : size(length) { memcpy_P(bytes, label, length); }
    void add(const void* from, uint8_t count) {
        memcpy(bytes + size, from, count);
        size = uint8_t(size + count);
    }
    void add(uint32_t x) {
        Writer(bytes + size).u32(x);
        size = uint8_t(size + 4);
    }
};

// The MAC takes the message's place, and `out` may be `device`: this runs where the stack is deepest.
void derive_key(const HmacKey& device, Message& message, HmacKey& out) {
    hmac(device, message.bytes, message.size, message.bytes);
    hmac_key(out, message.bytes, kHashSize);
    wipe(message.bytes, kHashSize);
}

}  // namespace

void derive_enrol_key(const HmacKey& device, const uint8_t challenge[kNonceSize], HmacKey& out) {
    Message message(kEnrolLabel, sizeof kEnrolLabel - 1);
    message.add(challenge, kNonceSize);
    derive_key(device, message, out);
}

void derive_nonce(const HmacKey& device, uint32_t epoch, uint32_t session, const uint8_t noise[kNoiseSize],
                  uint8_t nonce[kNonceSize]) {
    Message message(kNonceLabel, sizeof kNonceLabel - 1);
    message.add(epoch);
    message.add(session);
    message.add(noise, kNoiseSize);
    hmac(device, message.bytes, message.size, message.bytes);
    memcpy(nonce, message.bytes, kNonceSize);
}

void derive_session_key(const HmacKey& device, const uint8_t nonce[kNonceSize], const uint8_t host_nonce[kNonceSize],
                        HmacKey& out) {
    Message message(kSessionLabel, sizeof kSessionLabel - 1);
    message.add(nonce, kNonceSize);
    message.add(host_nonce, kNonceSize);
    derive_key(device, message, out);
}

}  // namespace qcot
