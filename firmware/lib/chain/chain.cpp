#include "chain.h"

#include "link/bytes.h"
#include "hal/progmem.h"

namespace qcot {
namespace {

const char kLabel[] PROGMEM = "qcot/chain/v1";

}  // namespace

void chain_start(const uint8_t device[8], uint32_t epoch, Link link) {
    uint8_t message[sizeof kLabel - 1 + 8 + 4];
    memcpy_P(message, kLabel, sizeof kLabel - 1);
    Writer out(message + sizeof kLabel - 1);
    out.bytes(device, 8);
    out.u32(epoch);
    sha256(message, sizeof message, link);
}

void chain_step(Link link, uint32_t seq, const Reading& reading) {
    Sha256Block message;
    sha256_copy(message, link, kHashSize / 8);
    Writer out(message + kHashSize);
    out.u32(seq);
    out.u32(reading.time);
    out.u8(reading.channel);
    out.u32(uint32_t(reading.value));
    constexpr uint8_t kSize = kHashSize + 13;
    static_assert(kSize <= kOneBlock, "one block");
    sha256_pad(message, kSize);
    sha256_one(message, link);
}

}  // namespace qcot
