#include "leaf_store.h"

#include <stddef.h>
#include <string.h>

#include "hal/hal.h"
#include "link/crc16.h"

namespace qcot {
namespace leaf_store {
namespace {

using lms::kH;
using lms::kLeaves;
using lms::kN;

struct __attribute__((packed)) KeyRecord {
    uint16_t generation;
    uint8_t seed[kN];
    uint8_t tree;
    uint8_t one_time;
    uint16_t again;  // the generation: of two copies one outlives a cut, so no number comes twice
    uint16_t crc;
    uint8_t marker;  // written after all else
};

struct __attribute__((packed)) Copy {
    uint16_t progress;
    uint16_t crc;  // begins with the key's CRC, and covers the nodes that this progress stands on
};

constexpr uint16_t kKeyAt = 640;
constexpr uint16_t kNodesAt = kKeyAt + sizeof(KeyRecord);
constexpr uint16_t kCopiesAt = kNodesAt + kH * kN;
constexpr uint16_t kEnd = 1024;
// Each generation writes the next pair of copies.
constexpr uint8_t kPairs = (kEnd - kCopiesAt) / (2 * sizeof(Copy));
static_assert(kCopiesAt < kEnd && kPairs >= 2, "docs/board.md");

constexpr uint8_t kBlank = 0xFF;
constexpr uint8_t kMarker = 0xA5;

uint8_t byte_at(uint16_t at) {
    uint8_t byte;
    hal::storage_read(at, &byte, 1);
    return byte;
}

uint16_t word_at(uint16_t at) { return uint16_t(byte_at(at) | byte_at(uint16_t(at + 1)) << 8); }

uint16_t crc_at(uint16_t at, uint16_t size, uint16_t crc) {
    while (size--) crc = crc16_step(crc, byte_at(at++));
    return crc;
}

bool write_and_check(uint16_t at, const void* from, uint8_t size) {
    hal::storage_write(at, from, size);
    const uint8_t* bytes = static_cast<const uint8_t*>(from);
    while (size--) {
        if (byte_at(at++) != *bytes++) return false;
    }
    return true;
}

constexpr uint16_t field(size_t offset) { return uint16_t(kKeyAt + offset); }
#define QCOT_FIELD(name) field(offsetof(KeyRecord, name))

uint16_t generation() { return word_at(QCOT_FIELD(generation)); }

// Levels move on by one place with each generation: the lowest is written most. Their sum may not wrap.
uint16_t node_at(uint8_t level) { return uint16_t(kNodesAt + uint8_t(level + uint8_t(generation() % kH)) % kH * kN); }

uint16_t copy_at(uint8_t which) {
    return uint16_t(kCopiesAt + (generation() % kPairs * 2 + which) * sizeof(Copy));
}

uint16_t crc_of(uint16_t progress) {
    uint16_t crc = crc16_step(crc16_step(word_at(QCOT_FIELD(crc)), uint8_t(progress)), uint8_t(progress >> 8));
    const uint16_t live = progress < kLeaves ? progress : 1;  // a whole tree stands on its root, at level 0
    for (uint8_t level = 0; level < kH; ++level) {
        if (live >> level & 1) crc = crc_at(node_at(level), kN, crc);
    }
    return crc;
}

bool copy_good(uint8_t which, uint16_t& progress) {
    progress = word_at(copy_at(which));
    return progress <= 2 * kLeaves && word_at(uint16_t(copy_at(which) + offsetof(Copy, crc))) == crc_of(progress);
}

bool put(uint8_t which, uint16_t progress) {
    const Copy copy = {progress, crc_of(progress)};
    return write_and_check(copy_at(which), &copy, sizeof copy);
}

Phase phase_of(uint16_t progress) {
    return progress < kLeaves ? Phase::generating : progress < 2 * kLeaves ? Phase::ready : Phase::exhausted;
}

void mark(uint8_t marker) { hal::storage_write(QCOT_FIELD(marker), &marker, 1); }

}  // namespace

uint16_t next_generation() {
    uint16_t first = generation(), again = word_at(QCOT_FIELD(again));
    if (first == 0xFFFF) first = 0;
    if (again == 0xFFFF) again = 0;
    return uint16_t((first > again ? first : again) + 1);
}

Standing load() {
    // Torn or rotten it is no blank, and the record under it was whole before it was written.
    if (byte_at(QCOT_FIELD(marker)) == kBlank) return {Phase::none, 0, 0};
    const bool whole = word_at(QCOT_FIELD(crc)) == crc_at(kKeyAt, offsetof(KeyRecord, crc), kCrcInit) &&
                       byte_at(QCOT_FIELD(tree)) == lms::kTreeType && byte_at(QCOT_FIELD(one_time)) == lms::kOneTimeType;
    uint16_t newest = 0, other;
    bool found = false;
    for (uint8_t which = 0; whole && which < 2; ++which) {
        if (!copy_good(which, other) || (found && other < newest)) continue;
        newest = other;
        found = true;
    }
    if (!found) return {Phase::damaged, 0, 0};
    return {phase_of(newest), generation(), newest};
}

bool create(const uint8_t seed[kN]) {
    KeyRecord record;
    record.generation = record.again = next_generation();
    memcpy(record.seed, seed, kN);
    record.tree = lms::kTreeType;
    record.one_time = lms::kOneTimeType;
    record.crc = crc16(reinterpret_cast<const uint8_t*>(&record), offsetof(KeyRecord, crc));
    record.marker = kBlank;
    mark(kBlank);
    bool good = write_and_check(kKeyAt, &record, sizeof record) && put(0, 0) && put(1, 0);
    wipe(&record, sizeof record);
    if (good) {
        mark(kMarker);
        good = byte_at(QCOT_FIELD(marker)) == kMarker;
    }
    if (!good) mark(kBlank);
    return good;
}

void erase() {
    mark(kBlank);
    const uint8_t blank = kBlank;
    for (uint8_t i = 0; i < sizeof(KeyRecord); ++i) hal::storage_write(uint16_t(kKeyAt + i), &blank, 1);
}

void read_seed(uint8_t seed[kN]) { hal::storage_read(QCOT_FIELD(seed), seed, kN); }

void read_node(uint8_t level, uint8_t node[kN]) { hal::storage_read(node_at(level), node, kN); }

bool write_node(uint8_t level, uint8_t i, uint8_t byte) {
    const uint16_t at = uint16_t(node_at(level) + i);
    hal::storage_write(at, &byte, 1);
    return byte_at(at) == byte;
}

bool holds(const Standing& standing) {
    const Standing now = load();
    return now.phase == standing.phase && now.generation == standing.generation && now.progress == standing.progress;
}

bool advance(Standing& standing) {
    const uint16_t next = uint16_t(standing.progress + 1);
    bool good;
    if (next < kLeaves) {
        good = put(next & 1, next);
    } else {
        // A copy that is bad already goes first, so that a cut leaves one that is good. Before the root's copy 0 is good: it
        // stands on none of what the root was written over.
        uint16_t unused;
        const uint8_t first = copy_good(0, unused) ? 1 : 0;
        good = put(first, next) && put(first ^ 1, next);
    }
    if (good) {
        standing.progress = next;
        standing.phase = phase_of(next);
    } else {
        standing = load();
    }
    return good;
}

}  // namespace leaf_store
}  // namespace qcot
