// A broker that says anything, at any time, in any pieces. Whatever it says, what the client says is MQTT, what it hands on came on
// its own topic, and nothing is published before a subscription stood.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <string>

#include "mqtt/client.h"
#include "support/scripted_socket.h"

using namespace qcot::mqtt;

namespace {

// Packets that are whole are taken off `stream`; aborts on what is none.
void check_said(std::string& stream, bool up) {
    while (stream.size() >= 2) {
        size_t at = 1, size = 0;
        unsigned shift = 0;
        for (bool more = true; more; shift += 7) {
            if (at == stream.size()) return;
            if (shift > 21) abort();
            const uint8_t byte = uint8_t(stream[at++]);
            size |= size_t(byte & 0x7F) << shift;
            more = byte & 0x80;
        }
        if (stream.size() - at < size) return;
        switch (uint8_t(stream[0])) {
            case 0x10: case 0x82: case 0x40: case 0xC0: case 0xE0: break;
            case 0x30: case 0x33: if (!up) abort(); break;  // PUBLISH
            default: abort();
        }
        stream.erase(0, at + size);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const Account account = {"id", "bed", "pw", "q/u", "q/d", "q/s"};
    qcot_test::ScriptedSocket socket;
    Client client(socket, account);
    client.join();
    std::string said;
    std::string everything;  // that was ever heard
    uint32_t now = 0;
    unsigned attempts = 0;
    bool ever_up = false;
    for (size_t at = 0; at < size;) {
        const uint8_t step = data[at++];
        if (step < 0x80) {
            const size_t length = step < size - at ? step : size - at;
            const std::string bytes(reinterpret_cast<const char*>(data + at), length);
            socket.heard += bytes;
            everything += bytes;
            at += length;
        } else if (step < 0xC0) {
            now += uint32_t(step & 0x3F) * 700;
        } else if (step < 0xE0) {
            socket.takes = uint16_t(step & 0x1F);
        } else {
            std::string frame(size_t(step & 0x1F) * 9, 'f');
            client.publish(reinterpret_cast<const uint8_t*>(frame.data()), uint16_t(frame.size()));
        }
        client.poll(now);
        ever_up |= client.up();
        if (socket.attempts != attempts) {  // what was half said went with the connection
            attempts = socket.attempts;
            said.clear();
            ever_up = client.up();
        }
        said += socket.said;
        socket.said.clear();
        check_said(said, ever_up);
        std::string message;
        for (int16_t byte; (byte = client.read()) >= 0;) message += char(byte);
        // The topic, and only it, brings something here.
        const bool noise = message.find_first_not_of(std::string("\0\1", 2)) == std::string::npos;  // a message too long
        if (!noise && everything.find("q/d") == std::string::npos) abort();
        if (!message.empty() && (message.front() != 0 || message.back() != 0)) abort();
    }
    return 0;
}
