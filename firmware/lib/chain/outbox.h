// What of the ring is on its way to the host: readings in flight in a few frames, then those of the next frame.
// Knows boundaries and links; knows nothing of keys or the line.
//
//     base ... end of frame 0 ... end of the last frame ... chained ... head of the ring
//
// Invariant: links_[0] is the link after the reading before `base_`, links_[i + 1] that after frame i, and the one after the
// last frame's, while there are fewer than all, that after the reading before `chained_`. The chain is computed no further
// than the next frame's end, so the link that a frame carries is always at hand.
#pragma once

#include <string.h>

#include "chain.h"
#include "ring.h"

namespace qcot {

constexpr uint8_t kFrameReadings = 14;
constexpr uint16_t kRepeatMs = 1000;
constexpr uint16_t kGatherMs = 100;

template <typename RingType, uint8_t kMaxFrames>
class Outbox {
public:
    using Cursor = typename RingType::Cursor;

    explicit Outbox(RingType& ring) : ring_(ring) {}

    // Begins the chain anew from seq 0: only before anything was acknowledged.
    void start(const uint8_t device[8], uint32_t epoch) {
        chain_start(device, epoch, links_[0]);
        rewind();
    }

    uint32_t base() const { return base_.seq; }
    const uint8_t* base_link() const { return links_[0]; }
    bool waiting() const { return base_.seq != ring_.head(); }

    // Chains one more reading for the next frame. False if there is none, the frame is full, or all are in flight.
    bool chain_one() {
        if (count_ == kMaxFrames || pending_ == kFrameReadings || chained_.seq == ring_.head()) return false;
        uint8_t* const link = links_[count_ + 1];
        if (pending_ == 0) memcpy(link, links_[count_], kHashSize);
        Reading reading;
        const uint32_t seq = chained_.seq;
        ring_.read(chained_, reading);
        chain_step(link, seq, reading);
        if (pending_++ == 0) oldest_ = reading.time;
        return true;
    }

    // The frame to send now, or kNone: one to be repeated, or the next one if it is full or has waited.
    static constexpr uint8_t kNone = 0xFF;
    uint8_t next(uint32_t now) {
        if (count_ && unsent_ > 0 && uint16_t(uint16_t(now) - frames_[0].sent) >= kRepeatMs) unsent_ = 0;
        if (unsent_ < count_) return unsent_;
        if (pending_ == 0) return kNone;
        // A short frame only when it holds all there is: else a backlog would go out in crumbs.
        if (pending_ < kFrameReadings && (now - oldest_ < kGatherMs || chained_.seq != ring_.head())) return kNone;
        frames_[count_].count = pending_;
        pending_ = 0;
        return count_++;
    }

    // Calls body.begin(first seq, count), body.reading(r) for each reading of frame `index`, notes it as sent, and returns
    // the link after it.
    template <typename Body>
    const uint8_t* send(uint8_t index, uint32_t now, Body& body) {
        Cursor cursor = base_;
        for (uint8_t i = 0; i < index; ++i) skip(cursor, frames_[i].count);
        Frame& frame = frames_[index];
        body.begin(cursor.seq, frame.count);
        for (uint8_t i = frame.count; i; --i) {
            Reading reading;
            ring_.read(cursor, reading);
            body.reading(reading);
        }
        frame.sent = uint16_t(now);
        unsent_ = uint8_t(index + 1);
        return links_[unsent_];
    }

    // Milliseconds until next() may have something to say that it does not say now.
    uint16_t patience(uint32_t now) const {
        uint32_t wait = kRepeatMs;
        if (count_) wait = uint32_t(kRepeatMs - uint16_t(uint16_t(now) - frames_[0].sent));
        if (pending_ && kGatherMs - (now - oldest_) < wait) wait = kGatherMs - (now - oldest_);
        return wait > kRepeatMs ? 0 : uint16_t(wait);
    }

    // False if `seq` is neither the end of a frame in flight nor what was acknowledged last.
    bool acknowledge(uint32_t seq) {
        uint32_t end = base_.seq;
        for (uint8_t i = 0; end != seq; ++i) {
            if (i == count_) return false;
            end += frames_[i].count;
        }
        while (base_.seq != seq) drop_first();
        ring_.release(base_);
        return true;
    }

    // Whether a host may have all before `seq`: it can have what was in flight when a session ended, and no more.
    bool can_resume(uint32_t seq) const {
        const uint32_t held = seq - base_.seq;
        return held <= kMaxFrames * kFrameReadings && held <= ring_.head() - base_.seq;
    }

    // A new session: nothing is in flight any more. Frees the readings before `seq`, which can_resume(), as the host has them.
    void resume(uint32_t seq) {
        while (count_ && seq - base_.seq >= frames_[0].count) drop_first();
        if (count_ || base_.seq != seq) rewind();
        while (base_.seq != seq) {
            chain_one();
            base_ = chained_;
            memcpy(links_[0], links_[1], kHashSize);
            pending_ = 0;
        }
        ring_.release(base_);
    }

private:
    struct Frame {
        uint8_t count;
        uint16_t sent;  // ms, lower half: frames are looked at far more often than it wraps
    };

    void rewind() {
        chained_ = base_;
        count_ = pending_ = unsent_ = 0;
    }
    void skip(Cursor& cursor, uint8_t count) const {
        while (count--) ring_.skip(cursor);
    }
    void drop_first() {
        skip(base_, frames_[0].count);
        memmove(links_[0], links_[1], sizeof links_ - sizeof(Link));
        memmove(frames_, frames_ + 1, sizeof frames_ - sizeof(Frame));
        --count_;
        if (unsent_) --unsent_;
    }

    RingType& ring_;
    Cursor base_;
    Cursor chained_;
    Link links_[kMaxFrames + 1];
    Frame frames_[kMaxFrames];
    uint8_t count_ = 0;    // frames formed
    uint8_t unsent_ = 0;   // the first of them that is to be sent (again)
    uint8_t pending_ = 0;  // readings chained since the last of them
    uint32_t oldest_ = 0;  // when the first of these was sampled
};

}  // namespace qcot
