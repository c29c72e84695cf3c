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

// A settings record is turn (counts writes, modulo 256), an entry for each channel that a board may have, CRC: of one size,
// so that another firmware finds its channels in it. Entries are kept inverted, so that a channel that nobody set is blank.
struct __attribute__((packed)) Entry {
    uint8_t rate[3];
    int16_t num;
    int16_t den;
    int32_t offset;
};
constexpr uint8_t kMostChannels = 22;
constexpr uint8_t kEntriesAt = 1;
constexpr uint8_t kSettingsCrcAt = kEntriesAt + kMostChannels * sizeof(Entry);
static_assert(kChannels <= kMostChannels, "a channel too many for the settings record");

constexpr uint16_t kIdentityAt = 0;
constexpr uint16_t kEpochAt = 48;
constexpr uint8_t kEpochSlots = 16;
constexpr uint16_t kSettingsAt = 144;
constexpr uint16_t kSettingsStep = 248;
constexpr uint16_t kEnd = kSettingsAt + 2 * kSettingsStep;
static_assert(kIdentityAt + sizeof(IdentityRecord) <= kEpochAt, "");
static_assert(kEpochAt + kEpochSlots * sizeof(EpochRecord) <= kSettingsAt, "");
static_assert(kSettingsCrcAt + 2 <= kSettingsStep && kEnd <= 640, "");

constexpr uint8_t kBlank = 0xFF;
constexpr uint32_t kBlankEpoch = 0xFFFFFFFF;
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

// `epoch` also where it is false: what stands there.
__attribute__((noinline)) bool epoch_at(uint8_t slot, uint32_t& epoch) {
    EpochRecord record;
    hal::storage_read(uint16_t(kEpochAt + slot * sizeof record), &record, sizeof record);
    epoch = record.epoch;
    return record.crc == crc_of(record, offsetof(EpochRecord, crc));
}

uint16_t settings_crc(uint16_t at) {
    const uint16_t end = uint16_t(at + kSettingsCrcAt);
    uint16_t crc = kCrcInit;
    while (at != end) crc = crc16_step(crc, byte_at(at++));
    return crc;
}

bool settings_end_in(uint16_t at, uint16_t crc) {
    const uint16_t end = uint16_t(at + kSettingsCrcAt);
    return byte_at(end) == uint8_t(crc) && byte_at(uint16_t(end + 1)) == uint8_t(crc >> 8);
}

void invert(Entry& entry) {
    uint8_t* const bytes = reinterpret_cast<uint8_t*>(&entry);
    for (uint8_t i = 0; i < sizeof entry; ++i) bytes[i] = uint8_t(~bytes[i]);
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
    blank(kSettingsAt, 2 * kSettingsStep);
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
    slot = uint8_t((slot + 1) % kEpochSlots);
    uint32_t next;
    const bool damaged = !epoch_at(slot, next) && next != kBlankEpoch;
    EpochRecord record;
    // What is damaged was cut off in its write, or told its epoch before it rotted: not again.
    record.epoch = newest + (damaged ? 2 : 1);
    record.crc = crc_of(record, offsetof(EpochRecord, crc));
    // A slot that is worn out is passed over.
    for (uint8_t tries = 0; tries < kEpochSlots; ++tries, slot = uint8_t((slot + 1) % kEpochSlots)) {
        if (write_and_check(uint16_t(kEpochAt + slot * sizeof record), record)) return record.epoch;
    }
    return 0;
}

uint16_t settings() {
    uint16_t best = 0;
    for (uint16_t at = kSettingsAt; at != kEnd; at = uint16_t(at + kSettingsStep)) {
        if (!settings_end_in(at, settings_crc(at))) continue;
        if (best == 0 || int8_t(byte_at(at) - byte_at(best)) > 0) best = at;
    }
    return best;
}

Setting setting(uint16_t settings, uint8_t channel) {
    Entry entry = {};
    if (settings) {
        hal::storage_read(uint16_t(settings + kEntriesAt + channel * sizeof entry), &entry, sizeof entry);
        invert(entry);
    }
    const uint32_t rate = entry.rate[0] | uint16_t(entry.rate[1] << 8) | uint32_t(entry.rate[2]) << 16;
    return {rate, entry.num, entry.den, entry.offset};
}

// Byte by byte from one slot to the other: a whole record would not fit on the stack.
bool setting_write(uint8_t channel, const Setting& changed) {
    static_assert(kMaxRate < 1ul << 24, "a rate has three bytes");
    Entry entry = {{uint8_t(changed.rate), uint8_t(changed.rate >> 8), uint8_t(changed.rate >> 16)},
                   changed.num, changed.den, changed.offset};
    invert(entry);
    const uint8_t entry_at = uint8_t(kEntriesAt + channel * sizeof entry);
    const uint16_t from = settings();
    const uint16_t to = from == kSettingsAt ? kSettingsAt + kSettingsStep : kSettingsAt;
    uint16_t crc = kCrcInit;
    for (uint8_t i = 0; i < kSettingsCrcAt; ++i) {
        const uint8_t in_entry = uint8_t(i - entry_at);
        uint8_t byte = from ? byte_at(uint16_t(from + i)) : kBlank;
        if (i == 0) ++byte;
        if (in_entry < sizeof entry) byte = reinterpret_cast<const uint8_t*>(&entry)[in_entry];
        crc = crc16_step(crc, byte);
        hal::storage_write(uint16_t(to + i), &byte, 1);
    }
    const uint8_t end[] = {uint8_t(crc), uint8_t(crc >> 8)};
    hal::storage_write(uint16_t(to + kSettingsCrcAt), end, sizeof end);
    return settings_crc(to) == crc && settings_end_in(to, crc);
}

}  // namespace store
}  // namespace qcot
