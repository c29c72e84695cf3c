#pragma once

#include <stdint.h>

namespace qcot {

constexpr uint8_t kLost = 0xFF;   // the channel of a LOST reading
constexpr uint8_t kFault = 0x7E;  // of a FAULT: a measurement that was due and failed; value = channel | code << 8

// One sample; its seq is its place in the chain.
struct Reading {
    uint32_t time;  // ms since boot
    uint8_t channel;
    int32_t value;
};

}  // namespace qcot
