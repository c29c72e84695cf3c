// A board: samples go in, frames go out, commands come in. Holds the session and leaves bytes, clocks and memory to hal.
//
// Invariants: a session (`open_`) needs an identity; a frame from the host is looked at only while the line out is free, so
// that its answer has the one frame buffer to itself, and `filled_` values of a signature that waited there have gone; `nonce_`
// was never used to open a session.
#pragma once

#include "link/decoder.h"
#include "link/frame.h"
#include "hal/hal.h"
#include "limits.h"
#include "chain/outbox.h"
#include "sensors/sensors.h"
#include "signer/signer.h"
#include "store.h"

namespace qcot {

class Board {
public:
    Board() : outbox_(ring_) {}

    __attribute__((noinline)) void begin();

    // Does one piece of work, at most some milliseconds of it. Returns how many milliseconds there is nothing to do.
    uint16_t poll();

    bool enrolled() const { return identity_ == store::Identity::good; }

    // May be called from an interrupt.
    void sampled(const Reading& reading) { ring_.push(reading); }

private:
    struct Command;
    struct ReadingsBody;

    // Not inlined: what they put on the stack would lie there, in main's frame, while anything else runs.
    __attribute__((noinline)) void hash_image();
    __attribute__((noinline)) bool transmit(uint32_t now);
    __attribute__((noinline)) bool send_signature(bool make_way);
    void listen();
    void receive();
    uint16_t patience(uint32_t now) const;
    void show(uint32_t now);

    // Not inlined: what they put on the stack must be gone before a command runs.
    __attribute__((noinline)) bool judge_plain(const Command& command, bool known);
    __attribute__((noinline)) bool judge_sealed(const Command& command, bool known);
    void close();
    bool device_key(HmacKey& out) const;
    __attribute__((noinline)) bool derive_from_device(const uint8_t* host_nonce, HmacKey& out) const;
    __attribute__((noinline)) void renew_nonce();
    void restart_chain();

    void identify(const uint8_t* body);
    void open(const uint8_t* body);
    void enrol(const uint8_t* body);
    void configure(const uint8_t* body);
    void describe(const uint8_t* body);
    void calibrate(const uint8_t* body);
    void acknowledge(const uint8_t* body);
    void ask_signer(const uint8_t* body);
    void generate(const uint8_t* body);
    void want_leaf(const uint8_t* body);
    void path(const uint8_t* body);
    void sign(const uint8_t* body);

    void set_rate(uint8_t channel, uint32_t rate);
    Writer begin_frame(Type type);
    void put_device(Writer& out) const;
    static void put_version(Writer& out);
    void send(Writer out);
    void send(Writer out, const HmacKey* key);
    void result(Code code, uint8_t detail = 0);
    void answer(uint32_t counter, Code code, uint8_t detail = 0);
    uint32_t asker() const;
    void answer_later(Code code);
    bool answer_late();
    void send_readings(uint8_t index, uint32_t now);
    void send_status(uint32_t now);

    ReadingRing ring_;
    Outbox<ReadingRing, kMaxFrames> outbox_;
    Sensors sensors_;
    FrameDecoder<kMaxHostRaw> decoder_;
    FrameBuffer frame_;
    Signer signer_;

    // The image hash: the state while it is computed, the digest after.
    union {
        Sha256State state;
        uint8_t digest[kHashSize];
    } image_;
    uint8_t shown_ = 0xFF;  // the LED's step
    uint32_t image_done_ = 0;
    bool image_ready_ = false;

    store::Identity identity_ = store::Identity::none;
    bool configured_ = false;
    bool open_ = false;
    bool received_ = false;  // decoder_ holds a frame that nobody has looked at
    bool served_ = false;    // one was looked at, and readings have not had their turn since
    uint8_t filled_ = 0;     // values of a signature that wait in frame_
    uint16_t signed_ = 0;    // the leaf that they are of
    uint32_t epoch_ = 0;
    uint32_t session_ = 0;
    uint8_t nonce_[kNonceSize];
    HmacKey key_;
    uint32_t heard_ = 0;  // the last counter accepted
    uint32_t said_ = 0;   // the last counter sent
    uint32_t heard_at_ = 0;
    uint32_t spoke_at_ = 0;  // the last HELLO or STATUS
    uint32_t asked_ = 0;     // the command that the signer answers later
    uint16_t noise_ = 0;
    uint16_t forged_ = 0;
    uint16_t replayed_ = 0;
};

}  // namespace qcot
