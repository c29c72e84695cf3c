#pragma once

#include <stdint.h>

namespace qcot {

constexpr uint8_t kLost = 0xFF;  // the channel of a LOST reading

// One sample; its seq is its place in the chain.
struct Reading {
    uint32_t time;  // ms since boot
    uint8_t channel;
    int32_t value;
};

}  // namespace qcot
