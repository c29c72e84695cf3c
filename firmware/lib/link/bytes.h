// Little endian integers in a run of bytes, as docs/link-protocol.md lays them out.
#pragma once

#include <stdint.h>
#include <string.h>

namespace qcot {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "integers are written as they lie in memory");

class Writer {
public:
    explicit Writer(uint8_t* to) : at_(to) {}
    void u8(uint8_t x) { *at_++ = x; }
    void u16(uint16_t x) { put(&x, sizeof x); }
    void u32(uint32_t x) { put(&x, sizeof x); }
    void bytes(const void* from, uint8_t size) {
        memcpy(at_, from, size);
        at_ += size;
    }
    uint8_t* at() const { return at_; }

private:
    // Inline with a known size: some stores, where a call of memcpy takes four times as long.
    __attribute__((always_inline)) void put(const void* from, uint8_t size) {
        memcpy(at_, from, size);
        at_ += size;
    }

    uint8_t* at_;
};

inline uint16_t read_u16(const uint8_t* at) { return uint16_t(at[0] | (uint16_t(at[1]) << 8)); }
inline uint32_t read_u32(const uint8_t* at) { return read_u16(at) | (uint32_t(read_u16(at + 2)) << 16); }

}  // namespace qcot
