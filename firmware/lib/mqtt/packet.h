// The packets of MQTT 3.1.1 (OASIS standard, 2014) as far as a board needs them, in memory of a fixed size.
#pragma once

#include <stdint.h>
#include <string.h>

namespace qcot {
namespace mqtt {

enum class Type : uint8_t {
    connect = 1,
    connack,
    publish,
    puback,
    pubrec,
    pubrel,
    pubcomp,
    subscribe,
    suback,
    unsubscribe,
    unsuback,
    pingreq,
    pingresp,
    disconnect
};

constexpr uint16_t kMaxTopic = 224;    // qcot/v1/SITE/BRIDGE/boards/NAME/state, with 64 characters a name
constexpr uint16_t kMaxPayload = 256;  // one frame with its delimiter
constexpr uint16_t kMaxBody = 2 + kMaxTopic + 2 + kMaxPayload;

// Takes packets out of a stream. One whose body is longer than kMaxBody is passed over as a whole, told once, and what follows
// it is in step again.
class PacketDecoder {
public:
    enum class Event : uint8_t {
        none,
        packet,  // type(), flags(), body() and size() hold it until the next push()
        skipped,
        broken,  // a length that cannot be (section 2.2.3): nothing after it can be found, until restart()
    };

    Event push(uint8_t byte) {
        switch (at_) {
            case At::type:
                first_ = byte;
                left_ = 0;
                shift_ = 0;
                at_ = At::length;
                return Event::none;
            case At::length:
                left_ |= uint32_t(byte & 0x7F) << shift_;
                if (byte & 0x80) {
                    shift_ = uint8_t(shift_ + 7);
                    if (shift_ <= 21) return Event::none;
                    at_ = At::broken;
                    return Event::broken;
                }
                size_ = 0;
                skips_ = left_ > kMaxBody;
                at_ = At::body;
                break;
            case At::body:
                if (!skips_) body_[size_++] = byte;
                --left_;
                break;
            default:
                return Event::broken;
        }
        if (left_) return Event::none;
        at_ = At::type;
        return skips_ ? Event::skipped : Event::packet;
    }

    void restart() { at_ = At::type; }

    Type type() const { return Type(first_ >> 4); }
    uint8_t flags() const { return first_ & 0x0F; }
    const uint8_t* body() const { return body_; }
    uint16_t size() const { return size_; }

private:
    enum class At : uint8_t { type, length, body, broken };
    At at_ = At::type;
    bool skips_ = false;
    uint8_t first_ = 0;
    uint8_t shift_ = 0;
    uint32_t left_ = 0;
    uint16_t size_ = 0;
    uint8_t body_[kMaxBody];
};

// What a PUBLISH holds, in the packet's own memory.
struct Publish {
    const uint8_t* topic;
    uint16_t topic_size;
    uint8_t qos;
    bool retained;
    uint16_t id;  // 0 with QoS 0
    const uint8_t* payload;
    uint16_t size;
};

// False if it is no PUBLISH by section 3.3.
inline bool parse_publish(uint8_t flags, const uint8_t* body, uint16_t size, Publish& out) {
    out.qos = (flags >> 1) & 3;
    out.retained = flags & 1;
    out.id = 0;
    if (out.qos == 3 || size < 2) return false;
    out.topic_size = uint16_t(body[0] << 8 | body[1]);
    uint16_t at = 2;
    if (out.topic_size == 0 || out.topic_size > size - at) return false;
    out.topic = body + at;
    at = uint16_t(at + out.topic_size);
    if (out.qos) {
        if (size - at < 2) return false;
        out.id = uint16_t(body[at] << 8 | body[at + 1]);
        at = uint16_t(at + 2);
        if (out.id == 0) return false;
    }
    out.payload = body + at;
    out.size = uint16_t(size - at);
    return true;
}

// Puts a packet together at the end of a buffer. One that does not fit leaves nothing there.
class PacketWriter {
public:
    // `body` is the size of what will be put; at most two bytes of length, 16,383.
    PacketWriter(uint8_t* at, uint16_t room, Type type, uint8_t flags, uint16_t body) : at_(at) {
        const uint16_t head = body < 128 ? 2 : 3;
        if (body > 16383 || room < head || body > room - head) return;
        end_ = at + head + body;
        *at_++ = uint8_t(uint8_t(type) << 4 | flags);
        if (body >= 128) *at_++ = uint8_t(body | 0x80);
        *at_++ = uint8_t(body < 128 ? body : body >> 7);
    }

    void u8(uint8_t value) { bytes(&value, 1); }
    void u16(uint16_t value) {
        u8(uint8_t(value >> 8));
        u8(uint8_t(value));
    }
    void bytes(const void* from, uint16_t size) {
        if (!end_ || size > end_ - at_) return;
        if (size) memcpy(at_, from, size);
        at_ += size;
    }
    void counted(const void* from, uint16_t size) {
        u16(size);
        bytes(from, size);
    }

    // How many bytes the packet has; 0 if it did not fit, or is not what was announced.
    uint16_t size(const uint8_t* from) const { return end_ && at_ == end_ ? uint16_t(at_ - from) : uint16_t(0); }

private:
    uint8_t* at_;
    uint8_t* end_ = nullptr;
};

}  // namespace mqtt
}  // namespace qcot
