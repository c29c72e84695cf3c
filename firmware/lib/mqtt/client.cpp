#ifndef __AVR__

#include "mqtt/client.h"

namespace qcot {
namespace mqtt {
namespace {

constexpr uint32_t kAnswerMs = 10000;      // a broker that has not answered by then never will
constexpr uint32_t kKeepAliveMs = Client::kKeepAliveS * 1000u;
constexpr uint32_t kLeastBackOffMs = 500;
constexpr uint32_t kMostBackOffMs = 30000;
constexpr uint32_t kStoodMs = 20000;       // a connection that lasted so long was one: the next attempt is soon again
constexpr uint16_t kBytesAPoll = 2048;     // a flood does not keep the board from its readings
constexpr uint16_t kSubscription = 1, kState = 2;  // packet identifiers
constexpr uint8_t kCleanSession = 0x02, kWill = 0x04, kWillQos1 = 0x08, kWillRetain = 0x20, kPassword = 0x40, kUser = 0x80;
constexpr uint8_t kFailure = 0x80;         // in SUBACK

uint16_t length(const char* text) { return uint16_t(strlen(text)); }

void count(uint16_t& counter) {
    if (counter != UINT16_MAX) ++counter;
}

// One level of a topic, 1 to 64 characters that no broker reads anything into.
bool append(char*& at, const char* name) {
    const char* const begin = name;
    for (; *name; ++name) {
        const char c = *name;
        const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!good || name - begin == 64) return false;
        *at++ = c;
    }
    *at++ = '/';
    return name != begin;
}

}  // namespace

bool board_topic(char to[kMaxTopic + 1], const char* site, const char* bridge, const char* name, const char* leaf) {
    char* at = to;
    const bool good = append(at, "qcot") && append(at, "v1") && append(at, site) && append(at, bridge) &&
                      append(at, "boards") && append(at, name) && append(at, leaf);
    at[good ? -1 : 0] = 0;
    return good;
}

void Client::poll(uint32_t now) {
    now_ = now;
    switch (phase_) {
        case Phase::left:
            return;
        case Phase::waiting:
            if (!late(back_off_)) return;
            socket_.connect();
            return enter(Phase::opening);
        case Phase::opening:
            if (socket_.state() == Socket::State::open) return greet();
            if (socket_.state() == Socket::State::closed || late(kAnswerMs)) fail(counters_.lost);
            return;
        default:
            break;
    }
    receive();
    if (phase_ < Phase::greeting) return;
    const bool silent = phase_ == Phase::up ? pinged_ && now_ - pinged_at_ >= kKeepAliveMs : late(kAnswerMs);
    if (silent || socket_.state() != Socket::State::open) return fail(counters_.lost);
    if (phase_ == Phase::up) {
        if (late(kStoodMs)) back_off_ = kLeastBackOffMs;
        // By halves, so that a broker hears of this board before it gives it up.
        if (!pinged_ && now_ - said_at_ >= kKeepAliveMs / 2 && empty_packet(Type::pingreq)) {
            pinged_ = true;
            pinged_at_ = now_;
        }
    }
    flush();
}

void Client::join() {
    if (phase_ != Phase::left) return;
    back_off_ = 0;
    enter(Phase::waiting);
}

void Client::leave() {
    if (phase_ == Phase::up) {
        // As the will would say it: a DISCONNECT unsays the will.
        tell_state('0');
        empty_packet(Type::disconnect);
        flush();
    }
    socket_.close();
    inbox_at_ = inbox_size_ = outbox_size_ = 0;
    enter(Phase::left);
}

void Client::enter(Phase phase) {
    phase_ = phase;
    since_ = now_;
}

void Client::fail(uint16_t& counter) {
    count(counter);
    socket_.close();
    outbox_size_ = 0;
    // Between one and two times as long as before: boards that lost one broker do not come back all at once.
    random_ = random_ * 1664525u + 1013904223u + now_;
    for (const char* at = account_.client_id; *at; ++at) random_ = random_ * 31u + uint8_t(*at);
    back_off_ = back_off_ < kLeastBackOffMs ? kLeastBackOffMs : back_off_ + (random_ >> 8) % back_off_;
    if (back_off_ > kMostBackOffMs) back_off_ = kMostBackOffMs - (random_ >> 8) % (kMostBackOffMs / 4);
    enter(Phase::waiting);
}

void Client::receive() {
    uint8_t bytes[256];
    for (uint16_t total = 0; total < kBytesAPoll;) {
        const uint16_t size = socket_.read(bytes, sizeof bytes);
        if (!size) return;
        total = uint16_t(total + size);
        for (uint16_t i = 0; i < size; ++i) {
            switch (decoder_.push(bytes[i])) {
                case PacketDecoder::Event::packet:
                    take();
                    if (phase_ < Phase::greeting) return;
                    break;
                case PacketDecoder::Event::skipped:
                    pass_over();
                    break;
                case PacketDecoder::Event::broken:
                    return fail(counters_.broken);
                default:
                    break;
            }
        }
    }
}

// Only what a broker may say in this phase; anything else ends the connection (section 4.8).
void Client::take() {
    const uint8_t* const body = decoder_.body();
    const uint16_t size = decoder_.size();
    switch (decoder_.type()) {
        case Type::connack:
            if (phase_ != Phase::greeting || decoder_.flags() || size != 2) break;
            if (body[1]) return fail(counters_.refused);
            return subscribe();
        case Type::suback:
            if (phase_ != Phase::subscribing || decoder_.flags() || size != 3 || body[0] || body[1] != kSubscription) break;
            if (body[2] == kFailure) return fail(counters_.refused);
            count(counters_.connections);
            enter(Phase::up);
            return tell_state('1');
        case Type::puback:
            if (phase_ != Phase::up || decoder_.flags() || size != 2 || body[0] || body[1] != kState) break;
            return;
        case Type::pingresp:
            if (phase_ != Phase::up || decoder_.flags() || size) break;
            pinged_ = false;
            return;
        case Type::publish: {
            Publish message;
            if (phase_ < Phase::subscribing || !parse_publish(decoder_.flags(), body, size, message)) break;
            if (message.qos == 2) break;  // nobody who subscribed at QoS 0 gets it
            deliver(message);
            if (message.qos == 1) {
                PacketWriter answer(room(), space(), Type::puback, 0, 2);
                answer.u16(message.id);
                commit(answer);
            }
            return;
        }
        default:
            break;
    }
    fail(counters_.broken);
}

void Client::deliver(const Publish& message) {
    const bool mine = message.topic_size == length(account_.down) && !memcmp(message.topic, account_.down, message.topic_size);
    if (!mine || message.retained) return count(counters_.foreign);
    if (message.size > kMaxPayload) return pass_over();
    hand_on(message.payload, message.size);
}

// The board is to count it: what comes of it is noise.
void Client::pass_over() {
    static const uint8_t noise = 1;
    count(counters_.dropped);
    if (phase_ == Phase::up) hand_on(&noise, 1);
}

void Client::hand_on(const uint8_t* payload, uint16_t size) {
    if (inbox_at_ == inbox_size_) inbox_at_ = inbox_size_ = 0;
    if (size + 2u > sizeof inbox_ - inbox_size_) return count(counters_.dropped);
    inbox_[inbox_size_++] = 0;
    if (size) memcpy(inbox_ + inbox_size_, payload, size);
    inbox_size_ = uint16_t(inbox_size_ + size);
    inbox_[inbox_size_++] = 0;
}

int16_t Client::read() { return inbox_at_ < inbox_size_ ? inbox_[inbox_at_++] : int16_t(-1); }

void Client::greet() {
    decoder_.restart();
    outbox_size_ = inbox_at_ = inbox_size_ = 0;
    pinged_ = false;
    said_at_ = now_;
    uint8_t flags = kCleanSession | kWill | kWillQos1 | kWillRetain;
    uint16_t body = uint16_t(10 + 2 + length(account_.client_id) + 2 + length(account_.state) + 2 + 1);
    if (account_.user) {
        flags |= kUser;
        body = uint16_t(body + 2 + length(account_.user));
    }
    if (account_.user && account_.password) {
        flags |= kPassword;
        body = uint16_t(body + 2 + length(account_.password));
    }
    PacketWriter packet(room(), space(), Type::connect, 0, body);
    packet.counted("MQTT", 4);
    packet.u8(4);  // 3.1.1
    packet.u8(flags);
    packet.u16(kKeepAliveS);
    packet.counted(account_.client_id, length(account_.client_id));
    packet.counted(account_.state, length(account_.state));
    packet.counted("0", 1);
    if (flags & kUser) packet.counted(account_.user, length(account_.user));
    if (flags & kPassword) packet.counted(account_.password, length(account_.password));
    if (!commit(packet)) return fail(counters_.refused);  // names too long for any broker
    enter(Phase::greeting);
    flush();
}

void Client::subscribe() {
    const uint16_t topic = length(account_.down);
    PacketWriter packet(room(), space(), Type::subscribe, 2, uint16_t(2 + 2 + topic + 1));
    packet.u16(kSubscription);
    packet.counted(account_.down, topic);
    packet.u8(0);  // QoS 0
    commit(packet);
    enter(Phase::subscribing);
    flush();
}

// At QoS 1 and retained, so that whoever comes later knows too.
void Client::tell_state(char state) {
    const uint16_t topic = length(account_.state);
    PacketWriter packet(room(), space(), Type::publish, 1 << 1 | 1, uint16_t(2 + topic + 2 + 1));
    packet.counted(account_.state, topic);
    packet.u16(kState);
    packet.bytes(&state, 1);
    commit(packet);
}

bool Client::publish(const uint8_t* data, uint16_t size) {
    if (!ready() || size > kMaxPayload) return false;
    const uint16_t topic = length(account_.up);
    PacketWriter packet(room(), space(), Type::publish, 0, uint16_t(2 + topic + size));
    packet.counted(account_.up, topic);
    packet.bytes(data, size);
    const bool taken = commit(packet);
    flush();
    return taken;
}

bool Client::commit(const PacketWriter& packet) {
    const uint16_t size = packet.size(room());
    outbox_size_ = uint16_t(outbox_size_ + size);
    if (size) said_at_ = now_;
    return size != 0;
}

bool Client::empty_packet(Type type) { return commit(PacketWriter(room(), space(), type, 0, 0)); }

void Client::flush() {
    while (outbox_size_) {
        const uint16_t taken = socket_.write(outbox_, outbox_size_);
        if (!taken) return;
        outbox_size_ = uint16_t(outbox_size_ - taken);
        memmove(outbox_, outbox_ + taken, outbox_size_);
    }
}

}  // namespace mqtt
}  // namespace qcot

#endif
