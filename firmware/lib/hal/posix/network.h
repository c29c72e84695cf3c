// The other line of a native board: an MQTT broker over TCP, in the place of a cable that nobody has plugged in.
#pragma once

#include <stdint.h>

namespace qcot {
namespace hal {

struct NetworkOptions {
    const char* broker = nullptr;  // HOST:PORT; null: no network
    const char* site = "home";
    const char* bridge = "bridge";
    const char* name = nullptr;
    const char* user = nullptr;           // null: `name`, where there is a password
    const char* password_file = nullptr;  // null: none
};

// Ends the program, naming what is wrong with the options.
void network_begin(const NetworkOptions& options);
void network_end();

// The socket to wait on, or -1; `writes`: also until it takes something.
int network_fd(bool& writes);

// Joins the broker, or leaves it when it is not `wanted`.
void network_poll(uint32_t now, bool wanted);

int16_t network_read();
bool network_ready();
void network_send(const uint8_t* data, uint16_t size);

}  // namespace hal
}  // namespace qcot
