// Every limit of a board that is a choice, with its reason.
#pragma once

#include <stdint.h>

namespace qcot {

// Readings kept for the host; 4 bytes each at 4 Hz and more.
#if defined(__AVR_ATmega328P__)
constexpr uint16_t kRingBytes = 400;  // 99 readings; a host may stall for 0.8 s at 100 Hz, and the stack keeps a margin
constexpr uint8_t kMaxFrames = 3;     // the protocol allows 4; each is 35 B, which are 8 readings more in the ring
#elif defined(__AVR_ATmega2560__)
constexpr uint16_t kRingBytes = 3072;  // 768: rehashing all of it after a resume stays under the watchdog's 2 s
constexpr uint8_t kMaxFrames = 4;
#else
constexpr uint16_t kRingBytes = 32768;
constexpr uint8_t kMaxFrames = 4;
#endif

// An epoch ends before seq would wrap. Tests have shorter ones.
#ifndef QCOT_EPOCH_READINGS
#define QCOT_EPOCH_READINGS 0xFFFF0000
#endif
constexpr uint32_t kEpochReadings = QCOT_EPOCH_READINGS;

constexpr uint16_t kHelloMs = 1000;
constexpr uint16_t kStatusMs = 2000;
constexpr uint16_t kSilenceMs = 10000;  // no authenticated frame for so long: the session is over
constexpr uint16_t kLedStepMs = 64;     // 16 steps: a pattern lasts a second

}  // namespace qcot
