// What the MQTT client needs of a network: one stream to one address. Nothing here waits.
#pragma once

#include <stdint.h>

namespace qcot {
namespace mqtt {

class Socket {
public:
    enum class State : uint8_t { closed, opening, open };

    // Begins to connect. What comes of it, state() tells.
    virtual void connect() = 0;
    virtual State state() = 0;
    // How many bytes were read, or taken to be sent: 0 when none now. A connection that ended is told by state().
    virtual uint16_t read(uint8_t* to, uint16_t room) = 0;
    virtual uint16_t write(const uint8_t* from, uint16_t size) = 0;
    virtual void close() = 0;

protected:
    ~Socket() = default;  // nobody deletes through this: there is no heap
};

}  // namespace mqtt
}  // namespace qcot
