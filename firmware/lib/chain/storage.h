// Where a ring keeps its bytes: positions from 0 to size() - 1, and after the last the first again.
#pragma once

#include <stdint.h>

#include "hal/hal.h"

namespace qcot {

// RAM of the machine. `PositionType` is as wide as positions have to be: 16 bits are half the work of 32 on an AVR.
template <uint32_t kBytes, typename PositionType = uint16_t>
class RamStorage {
public:
    using Position = PositionType;
    static_assert(kBytes >= 64 && kBytes <= Position(~Position(0)) / 2, "positions are added before they wrap");

    static constexpr Position size() { return kBytes; }

    // Both move `at` on by `count`. A write that did not take is false, and leaves `at` anywhere.
    void read(Position& at, uint8_t* to, uint8_t count) const {
        const uint8_t* from = bytes_ + at;
        at = Position(at + count);
        while (count--) {
            *to++ = *from++;
            if (from == bytes_ + kBytes) {
                from = bytes_;
                at = Position(at - kBytes);
            }
        }
    }
    bool write(Position& at, const uint8_t* from, uint8_t count) {
        uint8_t* to = bytes_ + at;
        at = Position(at + count);
        while (count--) {
            *to++ = *from++;
            if (to == bytes_ + kBytes) {
                to = bytes_;
                at = Position(at - kBytes);
            }
        }
        return true;
    }

private:
    uint8_t bytes_[kBytes];
};

// A memory part of hal's, which is slow and may be missing or fail: what was written is read back.
class PartStorage {
public:
    using Position = uint32_t;

    // Looks whether there is a part that keeps what it is given; its size is 0 if not.
    void begin() { size_ = hal::part_begin(); }
    Position size() const { return size_; }

    void read(Position& at, uint8_t* to, uint8_t count) const {
        while (count) {
            const uint8_t run = until_wrap(at, count);
            hal::part_read(at, to, run);
            advance(at, run);
            to += run;
            count = uint8_t(count - run);
        }
    }
    bool write(Position& at, const uint8_t* from, uint8_t count) {
        while (count) {
            const uint8_t run = until_wrap(at, count);
            if (!hal::part_write(at, from, run)) return false;
            advance(at, run);
            from += run;
            count = uint8_t(count - run);
        }
        return true;
    }

private:
    uint8_t until_wrap(Position at, uint8_t count) const {
        return size_ - at < count ? uint8_t(size_ - at) : count;
    }
    void advance(Position& at, uint8_t run) const {
        at += run;
        if (at == size_) at = 0;
    }

    Position size_ = 0;
};

}  // namespace qcot
