// Names and sizes of docs/link-protocol.md.
#pragma once

#include <stdint.h>

#include "crypto/hmac.h"

namespace qcot {

constexpr uint8_t kProtocol = 1;
constexpr uint8_t kFlagAuth = 1;

enum class Type : uint8_t {
    hello = 0x01,
    readings = 0x02,
    opened = 0x03,
    enrolled = 0x04,
    result = 0x05,
    status = 0x06,
    channel = 0x07,
    identify = 0x41,
    open = 0x42,
    enrol = 0x43,
    configure = 0x44,
    describe = 0x45,
    ack = 0x46,
};

enum class Code : uint8_t {
    ok = 0,
    unknown_command = 1,
    bad_length = 2,
    bad_channel = 3,
    bad_rate = 4,
    already_enrolled = 5,
    not_enrolled = 6,
    storage_failed = 7,
    bad_ack = 8,
};

constexpr uint8_t kStateEnrolled = 1;
constexpr uint8_t kStateConfigured = 2;
constexpr uint8_t kStateDamaged = 4;

constexpr uint8_t kHeadSize = 6;  // type, flags, counter
constexpr uint8_t kDeviceSize = 8;
constexpr uint8_t kSecretSize = 32;
constexpr uint8_t kNonceSize = 16;
constexpr uint8_t kNoiseSize = 8;

constexpr uint8_t kReadingSize = 9;  // in a frame: time, channel, value
constexpr uint8_t kMaxReadings = 14;

constexpr uint8_t kOpenBody = kNonceSize + 8;
constexpr uint8_t kEnrolBody = kDeviceSize + kSecretSize + kNonceSize;

// The longest message to a board is ENROL; the longest from one is READINGS.
constexpr uint8_t kMaxHostRaw = kHeadSize + kEnrolBody + 2;
constexpr uint8_t kMaxBoardRaw = kHeadSize + 5 + kMaxReadings * kReadingSize + kHashSize + kMacSize + 2;
static_assert(kMaxHostRaw == 64 && kMaxBoardRaw == 187, "docs/link-protocol.md");

}  // namespace qcot
