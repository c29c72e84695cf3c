// Names and sizes of docs/link-protocol.md.
#pragma once

#include <stdint.h>

#include "crypto/hmac.h"
#include "signer/lms.h"

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
    signer = 0x08,
    leaf = 0x09,
    checkpoint = 0x0A,
    signature = 0x0B,
    identify = 0x41,
    open = 0x42,
    enrol = 0x43,
    configure = 0x44,
    describe = 0x45,
    ack = 0x46,
    ask_signer = 0x47,
    generate = 0x48,
    want_leaf = 0x49,
    path = 0x4A,
    sign = 0x4B,
    calibrate = 0x4C,
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
    no_key = 9,
    generating = 10,
    exhausted = 11,
    bad_leaf = 12,
    wrong_path = 13,
    busy = 14,
    bad_calibration = 15,
    key_exists = 16,
    key_damaged = 17,
    pin_taken = 18,
};

constexpr uint8_t kStateEnrolled = 1;
constexpr uint8_t kStateConfigured = 2;
constexpr uint8_t kStateDamaged = 4;
constexpr uint8_t kStateNoStore = 8;

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

// SIGNATURE carries as many values as a frame has room for, at most 6.
constexpr uint8_t kSignatureHead = 5;
constexpr uint8_t kValuesFit = (kMaxBoardRaw - kHeadSize - kMacSize - 2 - kSignatureHead) / lms::kN;
constexpr uint8_t kMaxValues = kValuesFit < 6 ? kValuesFit : uint8_t(6);
static_assert(kMaxHostRaw == 64 && kMaxBoardRaw == 187, "docs/link-protocol.md");

}  // namespace qcot
