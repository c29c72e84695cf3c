// A socket whose other end is the test: what the client says is kept, what it hears is what was put there.
#pragma once

#include <string>

#include "mqtt/socket.h"

namespace qcot_test {

class ScriptedSocket final : public qcot::mqtt::Socket {
public:
    std::string said, heard;
    State now = State::closed;
    bool answers = true;       // connections come about
    uint16_t takes = 0xFFFF;   // bytes a write
    unsigned attempts = 0;

    void connect() override {
        ++attempts;
        heard.clear();
        now = answers ? State::opening : State::closed;
    }
    State state() override {
        if (now == State::opening) now = State::open;
        return now;
    }
    uint16_t read(uint8_t* to, uint16_t room) override {
        const size_t size = heard.size() < room ? heard.size() : room;
        heard.copy(reinterpret_cast<char*>(to), size);
        heard.erase(0, size);
        return uint16_t(size);
    }
    uint16_t write(const uint8_t* from, uint16_t size) override {
        if (now != State::open) return 0;
        const uint16_t taken = size < takes ? size : takes;
        said.append(reinterpret_cast<const char*>(from), taken);
        return taken;
    }
    void close() override { now = State::closed; }
};

}  // namespace qcot_test
