// Readings that no host has acknowledged yet, packed. One side (an interrupt, on an AVR) pushes; the other reads from
// cursors and releases. When it is full the newest readings are given up, and a LOST reading says how many
// (docs/adr/0001).
//
// A record is 4 bytes, channel, ms since the record before it, and value, where these fit; else 9 bytes, with bit 7 of the
// channel set, time and value in full. At 4 Hz and more every analog reading fits.
#pragma once

#include <string.h>

#include "hal/critical.h"
#include "reading.h"
#include "storage.h"

namespace qcot {

template <typename Position>
struct RingCursor {
    Position at = 0;
    uint32_t time = 0;  // of the record before
    uint32_t seq = 0;
};

template <typename Storage>
class Ring {
public:
    using Position = typename Storage::Position;
    using Cursor = RingCursor<Position>;

    // Interrupt side. `seq` of a stored reading is head() before the call, or one more if a LOST went in first.
    void push(const Reading& reading) {
        if (missed_ && room() >= kLong + kLong) store_lost();
        if (missed_ == 0 && store(reading)) return;
        if (missed_ == 0) missed_since_ = reading.time;
        if (missed_ < INT32_MAX) ++missed_;
        if (lost_ < UINT32_MAX) ++lost_;
    }

    // Whether any reading would be stored.
    bool has_room() const { return room() >= kLong; }

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
        storage_.read(cursor.at, record, kShort);
        if (record[0] & kFull) {
            storage_.read(cursor.at, record + kShort, kLong - kShort);
            out.channel = record[0] == kLost ? kLost : uint8_t(record[0] & ~kFull);
            out.time = word(record + 1);
            out.value = int32_t(word(record + 5));
        } else {
            out.channel = record[0];
            out.time = cursor.time + record[1];
            out.value = int16_t(record[2] | (uint16_t(record[3]) << 8));
        }
        cursor.time = out.time;
        ++cursor.seq;
    }

    // Moves on as read() does.
    void skip(Cursor& cursor) const {
        uint8_t record[kLong];
        storage_.read(cursor.at, record, kShort);
        if (record[0] & kFull) {
            storage_.read(cursor.at, record + kShort, kLong - kShort);
            cursor.time = word(record + 1);
        } else {
            cursor.time += record[1];
        }
        ++cursor.seq;
    }

    // Frees all before `cursor`, and tells of readings that were given up while there was no room for that either.
    void release(const Cursor& cursor) {
        const NoSample guard;
        used_ = Position(used_ - (cursor.at >= base_ ? cursor.at - base_ : storage_.size() - base_ + cursor.at));
        base_ = cursor.at;
        if (missed_ && room() >= kLong) store_lost();
    }

    Storage& storage() { return storage_; }

    // What a StagedRing has to do and can tell; here there is no store that could be missing or fail.
    static void begin() {}
    static bool carry() { return false; }
    static constexpr bool store_missing() { return false; }
    static constexpr bool store_broken() { return false; }

private:
    static constexpr uint8_t kShort = 4;
    static constexpr uint8_t kLong = 9;
    static constexpr uint8_t kFull = 0x80;

    // One byte stays free: a cursor that stands at the base has read nothing, and never everything.
    Position room() const { return Position(storage_.size() - 1 - used_); }
    static uint32_t word(const uint8_t* at) {
        uint32_t x;
        memcpy(&x, at, sizeof x);  // little endian, as link/bytes.h wants it
        return x;
    }
    // False if there is no room for it or the storage did not take it: then nothing has changed.
    bool store(const Reading& r) {
        uint8_t record[kLong], size = kShort;
        const uint32_t passed = r.time - head_.time;
        record[0] = r.channel;
        if (r.channel < kFull && passed < 256 && r.value == int16_t(r.value)) {
            record[1] = uint8_t(passed);
            memcpy(record + 2, &r.value, 2);
        } else {
            size = kLong;
            record[0] = uint8_t(record[0] | kFull);
            memcpy(record + 1, &r.time, 4);
            memcpy(record + 5, &r.value, 4);
        }
        if (room() < size) return false;
        Position at = head_.at;
        if (!storage_.write(at, record, size)) return false;
        used_ = Position(used_ + size);
        head_.at = at;
        head_.time = r.time;
        ++head_.seq;
        return true;
    }
    void store_lost() {
        if (store({missed_since_, kLost, int32_t(missed_)})) missed_ = 0;
    }
    Storage storage_;
    Cursor head_;
    Position base_ = 0;
    Position used_ = 0;
    uint32_t missed_ = 0;  // given up since the last LOST
    uint32_t missed_since_ = 0;
    uint32_t lost_ = 0;
};

}  // namespace qcot
