#include "store.h"

#include <stddef.h>
#include <string.h>

#include "link/crc16.h"
#include "hal/hal.h"
#include "crypto/hmac.h"

namespace qcot {
namespace store {
namespace {

// The CRC stands last, so it is written last.
struct __attribute__((packed)) IdentityRecord {
    uint8_t device[kDeviceSize];
    uint8_t secret[kSecretSize];
    uint16_t crc;
    uint8_t marker;  // written after all else: a first write that was cut short leaves a board that is not enrolled
};

struct __attribute__((packed)) EpochRecord {
    uint32_t epoch;
    uint16_t crc;
};

struct __attribute__((packed)) RatesRecord {
    uint8_t turn;  // counts writes, modulo 256
    Rates rates;
    uint16_t crc;
};

constexpr uint16_t kIdentityAt = 0;
constexpr uint16_t kEpochAt = 48;
constexpr uint8_t kEpochSlots = 16;
constexpr uint16_t kRatesAt = 144;
constexpr uint16_t kRatesStep = 80;
constexpr uint16_t kEnd = kRatesAt + 2 * kRatesStep;
static_assert(kIdentityAt + sizeof(IdentityRecord) <= kEpochAt, "");
static_assert(kEpochAt + kEpochSlots * sizeof(EpochRecord) <= kRatesAt, "");
static_assert(sizeof(RatesRecord) <= kRatesStep && kEnd <= 1024, "");

constexpr uint8_t kBlank = 0xFF;
constexpr uint8_t kMarker = 0xA5;

template <typename Record>
uint16_t crc_of(const Record& record, size_t covered) {
    return crc16(reinterpret_cast<const uint8_t*>(&record), uint16_t(covered));
}

uint8_t byte_at(uint16_t at) {
    uint8_t byte;
    hal::storage_read(at, &byte, 1);
    return byte;
}

// Byte by byte: a second record on the stack would be the deepest that it gets.
template <typename Record>
bool write_and_check(uint16_t at, const Record& record) {
    hal::storage_write(at, &record, sizeof record);
    const uint8_t* const bytes = reinterpret_cast<const uint8_t*>(&record);
    for (uint8_t i = 0; i < sizeof record; ++i) {
        if (byte_at(uint16_t(at + i)) != bytes[i]) return false;
    }
    return true;
}

bool epoch_at(uint8_t slot, uint32_t& epoch) {
    EpochRecord record;
    hal::storage_read(uint16_t(kEpochAt + slot * sizeof record), &record, sizeof record);
    epoch = record.epoch;
    return record.crc == crc_of(record, offsetof(EpochRecord, crc));
}

uint16_t rates_at(int8_t slot) { return uint16_t(kRatesAt + uint8_t(slot) * kRatesStep); }

bool rates_good(int8_t slot) {
    const uint16_t at = rates_at(slot), end = uint16_t(at + offsetof(RatesRecord, crc));
    uint16_t crc = kCrcInit;
    for (uint16_t i = at; i != end; ++i) crc = crc16_step(crc, byte_at(i));
    return byte_at(end) == uint8_t(crc) && byte_at(uint16_t(end + 1)) == uint8_t(crc >> 8);
}

// The slot that holds the newest good rates, or -1; `turn` is its turn.
int8_t rates_slot(uint8_t& turn) {
    int8_t best = -1;
    for (int8_t slot = 0; slot < 2; ++slot) {
        const uint8_t other = byte_at(rates_at(slot));
        if (!rates_good(slot) || (best >= 0 && int8_t(other - turn) < 0)) continue;
        best = slot;
        turn = other;
    }
    return best;
}

void blank(uint16_t at, uint16_t size) {
    const uint8_t byte = kBlank;
    while (size--) hal::storage_write(at++, &byte, 1);
}

}  // namespace

Identity identity_read(uint8_t device[kDeviceSize], uint8_t* secret) {
    IdentityRecord record;
    hal::storage_read(kIdentityAt, &record, sizeof record);
    Identity found = Identity::none;
    if (record.marker != kBlank) {
        const bool good = record.crc == crc_of(record, offsetof(IdentityRecord, crc));
        found = good ? Identity::good : Identity::damaged;
    }
    if (found == Identity::good) {
        memcpy(device, record.device, kDeviceSize);
        if (secret) memcpy(secret, record.secret, kSecretSize);
    }
    wipe(&record, sizeof record);
    return found;
}

bool identity_write(const uint8_t device[kDeviceSize], const uint8_t secret[kSecretSize]) {
    IdentityRecord record;
    memcpy(record.device, device, kDeviceSize);
    memcpy(record.secret, secret, kSecretSize);
    record.crc = crc_of(record, offsetof(IdentityRecord, crc));
    record.marker = kBlank;
    bool good = write_and_check(kIdentityAt, record);
    if (good) {
        record.marker = kMarker;
        good = write_and_check(kIdentityAt, record);
    }
    if (!good) blank(kIdentityAt, sizeof record);
    wipe(&record, sizeof record);
    return good;
}

void erase() {
    // The marker is the last byte of its record: cut short, this leaves a damage that shows, and asks to be repeated.
    blank(kIdentityAt, sizeof(IdentityRecord));
    blank(kRatesAt, 2 * kRatesStep);
}

uint32_t epoch_next() {
    uint32_t newest = 0;
    uint8_t slot = kEpochSlots - 1;
    for (uint8_t i = 0; i < kEpochSlots; ++i) {
        uint32_t epoch;
        if (epoch_at(i, epoch) && epoch >= newest) {
            newest = epoch;
            slot = i;
        }
    }
    EpochRecord record;
    record.epoch = newest + 1;
    record.crc = crc_of(record, offsetof(EpochRecord, crc));
    // A slot that is worn out is passed over.
    for (uint8_t tries = 0; tries < kEpochSlots; ++tries) {
        slot = uint8_t((slot + 1) % kEpochSlots);
        if (write_and_check(uint16_t(kEpochAt + slot * sizeof record), record)) return record.epoch;
    }
    return 0;
}

bool rates_load(Rates rates) {
    uint8_t turn = 0;
    const int8_t slot = rates_slot(turn);
    memset(rates, 0, sizeof(Rates));
    if (slot < 0) return false;
    hal::storage_read(uint16_t(rates_at(slot) + offsetof(RatesRecord, rates)), rates, sizeof(Rates));
    return true;
}

bool rates_write(const Rates rates) {
    RatesRecord record;
    uint8_t turn = 0;
    const int8_t newest = rates_slot(turn);
    record.turn = newest < 0 ? uint8_t(0) : uint8_t(turn + 1);
    memcpy(record.rates, rates, sizeof(Rates));
    record.crc = crc_of(record, offsetof(RatesRecord, crc));
    return write_and_check(rates_at(newest == 0 ? 1 : 0), record);
}

}  // namespace store
}  // namespace qcot
