// The host's end of a session with a board in memory, under the vectors' identity. For one suite's file: it includes the vectors.
#pragma once

#include "link/frame.h"
#include "link/keys.h"
#include "support/harness.h"
#include "support/memory_hal.h"
#include "vectors.h"

// The noise that the vectors' nonce is made of.
void qcot::hal::entropy(uint8_t* to, uint8_t size) { memcpy_P(to, vectors::noise.at, size); }

namespace qcot_test {

using namespace qcot;
using machine::state;

inline const uint8_t* body() { return state.out + kHeadSize; }
inline Type out_type() { return Type(state.out[0]); }

// The host's end of a session.
struct Host {
    HmacKey key;
    uint32_t counter;

    // Sends a frame under the session key; true if anything came back.
    bool say(Board& board, Type type, const void* what, uint8_t size) {
        static FrameBuffer frame;
        Writer out = frame.begin(type, ++counter);
        out.bytes(what, size);
        const uint16_t wire = frame.seal(out, &key);
        return machine::run(board, frame.data(), wire);
    }
    bool say_u32(Board& board, Type type, uint32_t x) {
        uint8_t bytes[4];
        Writer(bytes).u32(x);
        return say(board, type, bytes, 4);
    }
    bool configure(Board& board, uint8_t index, uint32_t rate) {
        uint8_t bytes[5] = {index};
        Writer(bytes + 1).u32(rate);
        return say(board, Type::configure, bytes, 5);
    }
    // The last frame that came is of `type`, under this session.
    bool heard(Type type) const {
        return out_type() == type && state.out[1] == kFlagAuth && mac_good(state.out, uint8_t(state.out_size), key);
    }
    bool refused(Code code) const { return heard(Type::result) && body()[4] == uint8_t(code); }
};

static Host host;

inline bool plain(Board& board, Type type, const void* what = "", uint8_t size = 0) {
    static FrameBuffer frame;
    Writer out = frame.begin(type, 0);
    out.bytes(what, size);
    const uint16_t wire = frame.seal(out, nullptr);
    return machine::run(board, frame.data(), wire);
}

inline bool plain_refused(Code code) {
    return out_type() == Type::result && state.out[1] == 0 && read_u32(state.out + 2) == 0 && body()[4] == uint8_t(code);
}

inline void device_key(HmacKey& key) {
    uint8_t secret[kSecretSize];
    load(vectors::device_key, secret);
    hmac_key(key, secret, kSecretSize);
}

inline bool enrol(Board& board) {
    uint8_t message[kEnrolBody];
    load(vectors::device, message);
    load(vectors::device_key, message + kDeviceSize);
    load(vectors::challenge, message + kDeviceSize + kSecretSize);
    return plain(board, Type::enrol, message, kEnrolBody);
}

// Asks for the nonce and makes the body of an OPEN, and its key.
inline void prepare_open(Board& board, uint8_t message[kOpenBody], uint32_t epoch, uint32_t seq) {
    // Readings that became due may come first.
    for (plain(board, Type::identify); out_type() != Type::hello;) machine::run(board);
    load(vectors::host_nonce, message);
    Writer out(message + kNonceSize);
    out.u32(epoch);
    out.u32(seq);
    HmacKey device;
    device_key(device);
    derive_session_key(device, body() + 14, message, host.key);
    host.counter = 0;
}

inline bool open(Board& board, uint32_t epoch = 0, uint32_t seq = 0) {
    uint8_t message[kOpenBody];
    prepare_open(board, message, epoch, seq);
    return host.say(board, Type::open, message, kOpenBody) && host.heard(Type::opened);
}

inline Board& boot() {
    Board& board = machine::boot();
    machine::run(board, reinterpret_cast<const uint8_t*>(""), 1);  // a delimiter
    return board;
}

// Enrolled, and in an open session.
inline Board& ready() {
    machine::reset();
    Board& board = boot();
    enrol(board);
    CHECK(open(board));
    return board;
}

}  // namespace qcot_test
