// A board's line over an MQTT 3.1.1 broker: a stream of bytes each way, one frame a message (docs/link-protocol.md). No heap, no
// wait, no clock of its own: what is in it is what poll() is given. docs/adr/0006 says why it is not a library.
//
// Invariants: nothing is published before the broker has confirmed the subscription; a packet is in the outbox whole or not
// at all; `down` is read only from the topic that is this board's.
#pragma once

#include <stdint.h>

#include "mqtt/packet.h"
#include "mqtt/socket.h"

namespace qcot {
namespace mqtt {

// All of it must outlive the client.
struct Account {
    const char* client_id;
    const char* user;  // null: none
    const char* password;
    const char* up;     // topics
    const char* down;
    const char* state;  // "1" while this board is there, "0" its last will; retained
};

// Writes qcot/v1/SITE/BRIDGE/boards/NAME/LEAF; false if a name is not 1 to 64 of a-z A-Z 0-9 _ -.
bool board_topic(char to[kMaxTopic + 1], const char* site, const char* bridge, const char* name, const char* leaf);

class Client {
public:
    static constexpr uint16_t kKeepAliveS = 10;

    // What went wrong since the start; none of these wraps.
    struct Counters {
        uint16_t connections;  // that the broker accepted
        uint16_t refused;      // by the broker: name, password, or the topic
        uint16_t lost;         // that ended or fell silent, attempts included
        uint16_t foreign;      // messages that are not for this board, or retained
        uint16_t dropped;      // messages too long, or more than there was room for
        uint16_t broken;       // packets that no broker sends
    };

    Client(Socket& socket, const Account& account) : socket_(socket), account_(account) {}

    // Does what is due. Call it often: at least every 100 ms, and when the socket has something.
    void poll(uint32_t now);

    // Connects, and again with back-off whenever the connection goes, until leave(): which says the will itself.
    void join();
    void leave();

    bool up() const { return phase_ == Phase::up; }

    // The next byte of what came, or -1. A message begins and ends with a delimiter, whatever is in it; one that is too long
    // comes as noise.
    int16_t read();

    // Whether a frame can be published.
    bool ready() const { return up() && sizeof outbox_ - outbox_size_ >= kMaxBody + 3; }

    // At QoS 0: the link repeats what matters. False if it was not taken.
    bool publish(const uint8_t* data, uint16_t size);

    // Whether it would go on once the socket takes something.
    bool wants_to_write() const { return phase_ == Phase::opening || outbox_size_; }

    const Counters& counters() const { return counters_; }

private:
    enum class Phase : uint8_t { left, waiting, opening, greeting, subscribing, up };

    void fail(uint16_t& counter);
    void receive();
    void take();
    void deliver(const Publish& message);
    void hand_on(const uint8_t* payload, uint16_t size);
    void pass_over();
    void greet();
    void subscribe();
    void tell_state(char state);
    uint8_t* room() { return outbox_ + outbox_size_; }
    uint16_t space() const { return uint16_t(sizeof outbox_ - outbox_size_); }
    bool commit(const PacketWriter& packet);
    bool empty_packet(Type type);
    void flush();
    void enter(Phase phase);
    bool late(uint32_t ms) const { return now_ - since_ >= ms; }

    Socket& socket_;
    const Account& account_;
    PacketDecoder decoder_;
    Counters counters_ = {};
    Phase phase_ = Phase::left;
    bool pinged_ = false;
    uint32_t now_ = 0;
    uint32_t since_ = 0;   // the phase began
    uint32_t said_at_ = 0;
    uint32_t pinged_at_ = 0;
    uint32_t back_off_ = 0;
    uint32_t random_ = 1;
    uint16_t outbox_size_ = 0;
    uint16_t inbox_at_ = 0;
    uint16_t inbox_size_ = 0;
    uint8_t outbox_[1024];
    uint8_t inbox_[1024];
};

}  // namespace mqtt
}  // namespace qcot
