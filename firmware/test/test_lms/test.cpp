// The arithmetic of each LMS set, and its tree in the EEPROM, against the documents' keys and hashlib's.
#include "hal/hal.h"
#include "signer/leaf_store.h"
#include "support/harness.h"
#include "vectors.h"

using namespace qcot;
using namespace qcot_test;
using lms::kChains;
using lms::kH;
using lms::kLeaves;
using lms::kN;
using Phase = leaf_store::Phase;

namespace {

uint8_t storage[1024];

lms::Prefix prefix_of(const Bytes& identifier) {
    lms::Prefix prefix = {};
    load(identifier, prefix.identifier);
    return prefix;
}

// A leaf's node, by the functions under test.
void leaf_of(lms::Prefix& prefix, const uint8_t seed[kN], uint16_t leaf, uint8_t node[kN]) {
    static lms::Stream stream;
    prefix.set_q(leaf);
    stream.begin(prefix, lms::kPublic);
    for (uint8_t i = 0; i < kChains; ++i) {
        prefix.set_i(i);
        prefix.j = lms::kFromSeed;
        memcpy(node, seed, kN);
        lms::chain_step(prefix, node);
        for (uint16_t j = 0; j < lms::kSteps; ++j) {
            prefix.j = uint8_t(j);
            lms::chain_step(prefix, node);
        }
        stream.add(node, kN);
    }
    stream.finish(node, kN);
    lms::leaf_node(prefix, leaf, node);
}

}  // namespace

void hal::storage_read(uint16_t at, void* to, uint8_t size) { memcpy(to, storage + at, size); }
void hal::storage_write(uint16_t at, const void* from, uint8_t size) { memcpy(storage + at, from, size); }
int16_t hal::noise() { return 0; }
void hal::noise_end() {}

TEST(keys_leaves_and_signatures_are_those_of_the_documents) {
    uint8_t seed[kN], node[kN], have[kHashSize], message[66];
    for (const auto& row : vectors::lms_keys) {
        const auto one = from_flash(row);
        tally().vector = one.name;
        lms::Prefix prefix = prefix_of(one.identifier);
        load(one.seed, seed);
        leaf_of(prefix, seed, one.leaf, node);
        load(one.node, have);
        CHECK_BYTES(node, have, kN);
        prefix.set_i(lms::kRandomizer);
        prefix.j = lms::kFromSeed;
        memcpy(node, seed, kN);
        lms::chain_step(prefix, node);
        load(one.randomizer, have);
        CHECK_BYTES(node, have, kN);
        lms::Digits digits;
        lms::Stream stream;
        stream.begin(prefix, lms::kMessage);
        stream.add(node, kN);
        stream.add(message, uint8_t(load(one.message, message)));
        stream.finish(digits, kN);
        lms::add_checksum(digits);
        stream.begin();
        for (uint8_t i = 0; i < kChains; ++i) {
            prefix.set_i(i);
            prefix.j = lms::kFromSeed;
            memcpy(node, seed, kN);
            lms::chain_step(prefix, node);
            for (prefix.j = 0; prefix.j != lms::digit(digits, i); ++prefix.j) lms::chain_step(prefix, node);
            stream.add(node, kN);
        }
        uint8_t values[kHashSize];
        stream.finish(values, kHashSize);
        load(one.values_sha256, have);
        CHECK_BYTES(values, have, kHashSize);
    }
}

TEST(a_tree_folded_leaf_by_leaf_has_the_root_of_the_documents) {
    for (const auto& row : vectors::lms_keys) {
        if (row.root.size == 0) continue;
        tally().vector = row.name;
        memset(storage, 0xFF, sizeof storage);
        uint8_t node[kN], left[kN], seed[kN];
        lms::Stream stream;
        lms::Prefix prefix = prefix_of(row.identifier);
        load(row.seed, seed);
        CHECK(leaf_store::create(seed));
        leaf_store::Standing standing = leaf_store::load();
        for (uint16_t leaf = 0; leaf < kLeaves; ++leaf) {
            leaf_of(prefix, seed, leaf, node);
            uint8_t level = 0;
            for (; leaf >> level & 1; ++level) {
                leaf_store::read_node(level, left);
                lms::parent_node(stream, prefix, leaf, level, left, node);
            }
            for (uint8_t i = 0; i < kN; ++i) leaf_store::write_node(level == kH ? uint8_t(0) : level, i, node[i]);
            CHECK(leaf_store::advance(standing));
        }
        CHECK(leaf_store::load().phase == Phase::ready);
        leaf_store::read_node(0, node);
        CHECK_BYTES(node, row.root.at, kN);
    }
}

QCOT_TEST_MAIN("lms")
