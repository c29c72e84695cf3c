// Readings that no host has acknowledged yet, packed. One side (an interrupt, on an AVR) pushes; the other reads from
// cursors and releases. When it is full the newest readings are given up, and a LOST reading says how many
// (docs/adr/0001).
//
// A record is 4 bytes, channel, ms since the record before it, and value, where these fit; else 9 bytes, with bit 7 of the
// channel set, time and value in full. At 4 Hz and more every analog reading fits.
#pragma once

#include "hal/critical.h"
#include "reading.h"

namespace qcot {

template <uint16_t kBytes>
class Ring {
    static_assert(kBytes >= 64 && kBytes <= 0x8000, "positions are 16 bits and are added before they wrap");

public:
    struct Cursor {
        uint16_t at = 0;
        uint32_t time = 0;  // of the record before
        uint32_t seq = 0;
    };

    // Interrupt side. `seq` of a stored reading is head() before the call, or one more if a LOST went in first.
    void push(const Reading& reading) {
        const uint8_t need = is_short(reading) ? kShort : kLong;
        if (missed_ && room() >= kLong + kLong) store_lost();
        if (missed_ || room() < need) {
            if (missed_ == 0) missed_since_ = reading.time;
            if (missed_ < INT32_MAX) ++missed_;
            if (lost_ < UINT32_MAX) ++lost_;
            return;
        }
        store(reading);
    }

    uint32_t head() const {
        const Critical guard;
        return head_.seq;
    }
    // How many readings were ever given up.
    uint32_t lost() const {
        const Critical guard;
        return lost_;
    }
    // Readings are being given up now.
    bool overflowing() const {
        const Critical guard;
        return missed_ != 0;
    }

    // Reads the record at `cursor`, which must be before head(), and moves on.
    void read(Cursor& cursor, Reading& out) const {
        uint8_t record[kLong];
        const uint8_t first = bytes_[cursor.at];
        const uint8_t size = first & kFull ? kLong : kShort;
        for (uint8_t i = 0; i < size; ++i) {
            record[i] = bytes_[cursor.at];
            advance(cursor.at);
        }
        if (first & kFull) {
            out.channel = first == kLost ? kLost : uint8_t(first & ~kFull);
            out.time = word(record + 1);
            out.value = int32_t(word(record + 5));
        } else {
            out.channel = first;
            out.time = cursor.time + record[1];
            out.value = int16_t(record[2] | (uint16_t(record[3]) << 8));
        }
        cursor.time = out.time;
        ++cursor.seq;
    }

    // Frees all before `cursor`, and tells of readings that were given up while there was no room for that either.
    void release(const Cursor& cursor) {
        const Critical guard;
        used_ = uint16_t(used_ - (cursor.at >= base_ ? cursor.at - base_ : kBytes - base_ + cursor.at));
        base_ = cursor.at;
        if (missed_ && room() >= kLong) store_lost();
    }

private:
    static constexpr uint8_t kShort = 4;
    static constexpr uint8_t kLong = 9;
    static constexpr uint8_t kFull = 0x80;

    bool is_short(const Reading& r) const {
        return r.channel < kFull && r.time - head_.time < 256 && r.value == int16_t(r.value);
    }
    // One byte stays free: a cursor that stands at the base has read nothing, and never everything.
    uint16_t room() const { return uint16_t(kBytes - 1 - used_); }
    static void advance(uint16_t& at) {
        if (++at == kBytes) at = 0;
    }
    static uint32_t word(const uint8_t* at) {
        return at[0] | (uint32_t(at[1]) << 8) | (uint32_t(at[2]) << 16) | (uint32_t(at[3]) << 24);
    }
    void put(uint8_t byte) {
        bytes_[head_.at] = byte;
        advance(head_.at);
        ++used_;
    }
    void put_word(uint32_t x) {
        for (uint8_t i = 0; i < 4; ++i, x >>= 8) put(uint8_t(x));
    }
    void store(const Reading& r) {
        if (is_short(r)) {
            put(r.channel);
            put(uint8_t(r.time - head_.time));
            put(uint8_t(r.value));
            put(uint8_t(uint16_t(r.value) >> 8));
        } else {
            put(uint8_t(r.channel | kFull));
            put_word(r.time);
            put_word(uint32_t(r.value));
        }
        head_.time = r.time;
        ++head_.seq;
    }
    void store_lost() {
        const Reading lost = {missed_since_, kLost, int32_t(missed_)};
        missed_ = 0;
        store(lost);
    }

    uint8_t bytes_[kBytes];
    Cursor head_;
    uint16_t base_ = 0;
    uint16_t used_ = 0;
    uint32_t missed_ = 0;  // given up since the last LOST
    uint32_t missed_since_ = 0;
    uint32_t lost_ = 0;
};

}  // namespace qcot
