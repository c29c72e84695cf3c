// Bytes of the line in, whole frames with a good CRC out.
#pragma once

#include <stdint.h>

#include "crc16.h"
#include "crypto/sha256.h"

namespace qcot {

constexpr uint8_t kMinRaw = 8;
constexpr uint8_t kCrcSize = 2;

// `kCapacity`: the longest raw frame that is taken; whatever is longer is noise. A frame is delivered whole or not at all,
// and each delimiter starts afresh.
template <uint8_t kCapacity>
class FrameDecoder {
public:
    enum class Event : uint8_t { none, frame, noise };

    // After Event::frame, raw() and size() hold that frame, CRC included, until the next push.
    Event push(uint8_t byte) {
        if (fresh_) restart();
        if (byte == 0) {
            fresh_ = true;
            const bool listening = synced_;
            synced_ = true;
            if (!listening || !any_) return Event::none;
            return good() ? Event::frame : Event::noise;
        }
        any_ = true;
        if (run_ == 0) {
            if (implied_zero_) append(0);
            run_ = uint8_t(byte - 1);
            implied_zero_ = byte != 0xFF;
        } else {
            --run_;
            append(byte);
        }
        return Event::none;
    }

    const uint8_t* raw() const { return raw_; }
    uint8_t size() const { return size_; }

    // Forgets the frame, for it held a secret.
    void wipe() { qcot::wipe(raw_, sizeof raw_); }

private:
    void restart() {
        fresh_ = any_ = overlong_ = implied_zero_ = false;
        size_ = run_ = 0;
    }
    void append(uint8_t byte) {
        if (size_ < kCapacity) {
            raw_[size_++] = byte;
        } else {
            overlong_ = true;
        }
    }
    // A CRC over a message and its CRC is zero only where both are big endian; ours is little, so compare.
    bool good() const {
        if (run_ != 0 || overlong_ || size_ < kMinRaw) return false;
        const uint16_t crc = crc16(raw_, uint16_t(size_ - kCrcSize));
        return raw_[size_ - 2] == uint8_t(crc) && raw_[size_ - 1] == uint8_t(crc >> 8);
    }

    uint8_t raw_[kCapacity];
    uint8_t size_ = 0;
    uint8_t run_ = 0;  // bytes left of the present run
    bool implied_zero_ = false;
    bool any_ = false;
    bool overlong_ = false;
    bool fresh_ = true;    // the next byte begins a frame
    bool synced_ = false;  // a delimiter was seen: what came before is not even noise
};

}  // namespace qcot
