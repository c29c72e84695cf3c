// Any bytes into the decoders of a board's and of a host's size, against the definition of COBS.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <vector>

#include "link/decoder.h"
#include "link/cobs.h"
#include "link/messages.h"

namespace {

using Raw = std::vector<uint8_t>;

// What lies between two delimiters, unstuffed; false if it cannot be.
bool unstuff(const Raw& stuffed, Raw& raw) {
    for (size_t at = 0; at < stuffed.size();) {
        const uint8_t code = stuffed[at++];
        if (at + code - 1 > stuffed.size()) return false;
        raw.insert(raw.end(), stuffed.begin() + long(at), stuffed.begin() + long(at + code - 1));
        at += size_t(code - 1);
        if (code != 0xFF && at < stuffed.size()) raw.push_back(0);
    }
    return true;
}

bool whole(const Raw& raw, size_t capacity) {
    if (raw.size() < qcot::kMinRaw || raw.size() > capacity) return false;
    uint16_t crc = 0xFFFF;  // bit by bit, as the polynomial is written
    for (size_t i = 0; i + 2 < raw.size(); ++i) {
        crc = uint16_t(crc ^ (raw[i] << 8));
        for (int bit = 0; bit < 8; ++bit) crc = uint16_t((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0));
    }
    return raw[raw.size() - 2] == uint8_t(crc) && raw[raw.size() - 1] == uint8_t(crc >> 8);
}

template <uint8_t kCapacity>
void compare(const uint8_t* data, size_t size) {
    using Decoder = qcot::FrameDecoder<kCapacity>;
    Decoder decoder;
    bool synced = false;
    Raw stuffed;
    for (size_t i = 0; i < size; ++i) {
        const auto event = decoder.push(data[i]);
        auto expected = Decoder::Event::none;
        Raw raw;
        if (data[i] != 0) {
            stuffed.push_back(data[i]);
        } else {
            if (synced && !stuffed.empty()) {
                const bool good = unstuff(stuffed, raw) && whole(raw, kCapacity);
                expected = good ? Decoder::Event::frame : Decoder::Event::noise;
            }
            synced = true;
            stuffed.clear();
        }
        if (event != expected) abort();
        if (event == Decoder::Event::frame && Raw(decoder.raw(), decoder.raw() + decoder.size()) != raw) abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    compare<qcot::kMaxHostRaw>(data, size);
    compare<qcot::kMaxRaw>(data, size);
    return 0;
}
