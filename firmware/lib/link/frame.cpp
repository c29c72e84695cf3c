#include "frame.h"

namespace qcot {

uint16_t FrameBuffer::seal(Writer out, const HmacKey* key) {
    uint8_t* const raw = buffer_ + 1;
    if (key) {
        uint8_t mac[kHashSize];
        hmac(*key, raw, uint16_t(out.at() - raw), mac);
        out.bytes(mac, kMacSize);
    }
    out.u16(crc16(raw, uint16_t(out.at() - raw)));
    return cobs_encode(buffer_, uint8_t(out.at() - raw));
}

bool mac_good(const uint8_t* raw, uint8_t size, const HmacKey& key) {
    if (size < kHeadSize + kMacSize + 2) return false;
    const uint8_t covered = uint8_t(size - kMacSize - 2);
    uint8_t mac[kHashSize];
    hmac(key, raw, covered, mac);
    return equal_bytes(mac, raw + covered, kMacSize);
}

}  // namespace qcot
