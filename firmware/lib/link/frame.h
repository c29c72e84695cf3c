// A frame in the making: head, body, MAC, CRC, stuffed in place for the line.
#pragma once

#include "bytes.h"
#include "cobs.h"
#include "crc16.h"
#include "crypto/hmac.h"
#include "messages.h"

namespace qcot {

class FrameBuffer {
public:
    // Returns where the body is written. `counter` is 0 for a frame without AUTH.
    Writer begin(Type type, uint32_t counter) {
        Writer out(buffer_ + 1);
        out.u8(uint8_t(type));
        out.u8(counter ? kFlagAuth : 0);
        out.u32(counter);
        return out;
    }

    // Ends the frame at `out`, under `key` if it has AUTH; returns its size on the line.
    uint16_t seal(Writer out, const HmacKey* key);

    const uint8_t* data() const { return buffer_; }

    // Where a message's body is.
    uint8_t* body() { return buffer_ + 1 + kHeadSize; }

    // Room for a key or a hash while no frame is being made or sent: where the stack is deepest, it need not hold that too.
    HmacKey& scratch() { return scratch_; }
    lms::Stream& stream() { return stream_; }

private:
    union {
        // The stuffing byte, the raw frame, the delimiter.
        uint8_t buffer_[1 + kMaxBoardRaw + 1];
        HmacKey scratch_;
        lms::Stream stream_;
    };
};

// True if the frame raw[0..size), CRC included, has a MAC and it is right.
bool mac_good(const uint8_t* raw, uint8_t size, const HmacKey& key);

}  // namespace qcot
