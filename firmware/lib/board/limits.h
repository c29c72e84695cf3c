// Every limit of a board that is a choice, with its reason.
#pragma once

#include <stdint.h>

#include "chain/ring.h"
#include "chain/staged_ring.h"

namespace qcot {

// Readings kept for the host; 4 bytes each at 4 Hz and more. With QCOT_FRAM this is the stage, or all there is where the
// part does not answer.
#ifndef QCOT_RING_BYTES
#if defined(__AVR_ATmega2560__)
#define QCOT_RING_BYTES 5120  // 1,279 readings, of 8 KB of RAM
#elif defined(__AVR_ATmega32U4__)
#define QCOT_RING_BYTES 800  // 199 readings: it has 512 B more, of which its USB interrupts want some for the stack
#elif defined(__AVR__)
#define QCOT_RING_BYTES 400  // 99 readings; a host may stall for 0.8 s at 100 Hz, and the stack keeps a margin
#elif defined(__unix__)
#define QCOT_RING_BYTES 0x100000  // 262,143 readings: 22 minutes at 200 Hz
#else
#define QCOT_RING_BYTES 0x8000
#endif
#endif
constexpr uint32_t kRingBytes = QCOT_RING_BYTES;

#if defined(__AVR__) && !defined(__AVR_ATmega2560__)
constexpr uint8_t kMaxFrames = 3;  // the protocol allows 4; each is 35 B, which are 8 readings more in the ring
#else
constexpr uint8_t kMaxFrames = 4;
#endif

#ifdef QCOT_FRAM
using ReadingRing = StagedRing<RamStorage<kRingBytes, uint32_t>, PartStorage>;
#elif defined(__AVR__)
using ReadingRing = Ring<RamStorage<kRingBytes>>;
#else
using ReadingRing = Ring<RamStorage<kRingBytes, uint32_t>>;
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
