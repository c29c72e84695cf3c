// No leaf signs twice: what power cuts, rot and wear leave of the tree and of its next leaf.
#include "support/cuts.h"
#include "support/signer.h"

using namespace qcot_test;

TEST(a_cut_in_a_reservation_never_brings_a_leaf_back) {
    able();
    static leaf_store::Standing standing;
    static bool reserved;
    for (uint8_t used = 0; used < 3; ++used) {
        standing = leaf_store::load();
        const uint16_t before = standing.progress;
        static uint16_t at;
        at = before;
        machine::cut_everywhere(
            [] {
                leaf_store::Standing now = standing;
                reserved = leaf_store::advance(now);
            },
            [](bool whole) {
                const leaf_store::Standing now = leaf_store::load();
                CHECK(now.phase == Phase::ready);
                CHECK(now.progress == at || now.progress == at + 1);
                // What it called reserved is.
                if (whole || reserved) CHECK_EQUAL(now.progress, at + 1);
                leaf_store::Standing after = now;
                CHECK(leaf_store::advance(after));
                CHECK_EQUAL(leaf_store::load().progress, now.progress + 1);
            });
        leaf_store::Standing now = standing;
        CHECK(leaf_store::advance(now));
    }
}

TEST(any_byte_that_changes_gives_the_same_next_leaf_or_a_damage_that_shows) {
    able();
    leaf_store::Standing standing = leaf_store::load();
    for (uint8_t i = 0; i < 3; ++i) CHECK(leaf_store::advance(standing));
    static const uint8_t flips[] = {0x01, 0x80, 0xFF, 0x24};
    for (uint16_t at = 640; at < 1024; ++at) {
        for (uint8_t flip : flips) {
            state.storage[at] ^= flip;
            const leaf_store::Standing now = leaf_store::load();
            CHECK(now.phase == Phase::damaged || now.phase == Phase::none || now.progress == standing.progress);
            state.storage[at] ^= flip;
        }
    }
}

TEST(no_two_levels_of_the_frontier_share_a_place_in_any_generation) {
    machine::reset();
    static const uint16_t generations[] = {1, 9, 10, 255, 0xFFF5, 0xFFFA, 0xFFFE};
    for (const uint16_t generation : generations) {
        memcpy(state.storage + 640, &generation, sizeof generation);
        for (uint8_t level = 0; level < kH; ++level) CHECK(leaf_store::write_node(level, 0, uint8_t(level + 1)));
        for (uint8_t level = 0; level < kH; ++level) {
            uint8_t node[kN];
            leaf_store::read_node(level, node);
            CHECK_EQUAL(node[0], level + 1);
        }
    }
}

#ifndef __AVR__  // what follows takes memory or time that an AVR has not

TEST(a_cut_while_the_tree_grows_costs_at_most_a_leaf) {
    ready();
    uint8_t seed[kN];
    load(vectors::board_1_seed, seed);
    CHECK(leaf_store::create(seed));
    static lms::Prefix prefix;
    prefix = prefix_of(vectors::board_1_identifier);
    static uint16_t leaf;
    const auto fold = [] {
        leaf_store::Standing standing = leaf_store::load();
        uint8_t node[kN], left[kN], level = 0;
        const uint16_t q = standing.progress;
        memcpy_P(node, vectors::board_1_leaves.at + q * kN, kN);
        for (; q >> level & 1; ++level) {
            leaf_store::read_node(level, left);
            lms::parent_node(stream, prefix, q, level, left, node);
        }
        for (uint8_t i = 0; i < kN; ++i) leaf_store::write_node(level == kH ? uint8_t(0) : level, i, node[i]);
        leaf_store::advance(standing);
    };
    for (leaf = 0; leaf < kLeaves; ++leaf) {
        machine::cut_everywhere(fold, [](bool whole) {
            const leaf_store::Standing now = leaf_store::load();
            if (whole) CHECK_EQUAL(now.progress, leaf + 1);
            CHECK(now.progress <= leaf + 1 && now.progress + 1 >= leaf);
            CHECK(now.phase == (now.progress == kLeaves ? Phase::ready : Phase::generating));
        });
        // After a cut it goes on, and comes to the same.
        state.writes_left = 9;
        fold();
        state.writes_left = UINT16_MAX;
        while (leaf_store::load().progress <= leaf) fold();
    }
    uint8_t node[kN], have[kN];
    leaf_store::read_node(0, node);
    load(vectors::board_1_root, have);
    CHECK_BYTES(node, have, kN);
}

TEST(a_cut_while_a_key_is_stored_leaves_none_or_a_whole_one) {
    ready();
    static uint8_t seed[kN];
    load(vectors::board_1_seed, seed);
    for (uint16_t round = 1; round <= 2; ++round) {
        static uint16_t generation;
        generation = round;
        machine::cut_everywhere([] { leaf_store::create(seed); },
                                [](bool whole) {
                                    const leaf_store::Standing now = leaf_store::load();
                                    CHECK(now.phase == Phase::none || now.phase == Phase::generating);
                                    if (whole) CHECK(now.phase == Phase::generating);
                                    if (now.phase == Phase::generating) CHECK_EQUAL(now.progress, 0);
                                    // No generation's number comes twice.
                                    if (now.phase == Phase::none) CHECK(leaf_store::next_generation() >= generation);
                                    CHECK(leaf_store::create(seed));
                                    CHECK(leaf_store::load().generation >= generation);
                                });
        CHECK(leaf_store::create(seed));
        CHECK_EQUAL(leaf_store::load().generation, generation);
    }
}

TEST(a_cut_while_it_is_erased_leaves_no_key) {
    able();
    machine::cut_everywhere([] { leaf_store::erase(); },
                            [](bool whole) {
                                const Phase now = leaf_store::load().phase;
                                CHECK(whole ? now == Phase::none : now == Phase::none || now == Phase::ready);
                            });
}

TEST(a_copy_that_rots_and_a_cut_after_it_bring_no_leaf_back) {
    able();
    static leaf_store::Standing standing;
    standing = leaf_store::load();
    for (uint8_t i = 0; i < 3; ++i) CHECK(leaf_store::advance(standing));
    // The two copies are the eight bytes that a reservation writes: each is 4 bytes.
    static uint8_t before[machine::kStorageSize];
    memcpy(before, state.storage, sizeof before);
    leaf_store::Standing probe = standing;
    CHECK(leaf_store::advance(probe));
    for (uint16_t at = 640; at < 1024; ++at) {
        if (before[at] == state.storage[at]) continue;
        static uint8_t rotten[machine::kStorageSize];
        memcpy(rotten, before, sizeof rotten);
        rotten[at] ^= 0x11;
        memcpy(state.storage, rotten, sizeof rotten);
        CHECK_EQUAL(leaf_store::load().progress, standing.progress);
        machine::cut_everywhere(
            [] {
                leaf_store::Standing now = leaf_store::load();
                leaf_store::advance(now);
            },
            [](bool whole) {
                const leaf_store::Standing now = leaf_store::load();
                CHECK(now.phase == Phase::ready && now.progress >= standing.progress);
                if (whole) CHECK_EQUAL(now.progress, standing.progress + 1);
            });
        memcpy(state.storage, before, sizeof before);
        probe = standing;
        CHECK(leaf_store::advance(probe));
    }
}

TEST(a_reservation_that_does_not_read_back_signs_nothing) {
    Board* board = &able();
    CHECK(prove(*board, 0));
    state.worn_from = 640;
    state.worn_to = 1024;
    CHECK(!sign(*board, 0).whole);
    CHECK(host.refused(Code::storage_failed));
    while (machine::run(*board)) CHECK(out_type() != Type::signature && out_type() != Type::checkpoint);
    // One copy alone is not enough either.
    able();
    static uint8_t before[machine::kStorageSize];
    memcpy(before, state.storage, sizeof before);
    leaf_store::Standing probe = leaf_store::load();
    CHECK(leaf_store::advance(probe));
    for (uint16_t at = 640; at < 1024; ++at) {
        if (before[at] == state.storage[at]) continue;
        const uint8_t changed = state.storage[at];
        memcpy(state.storage, before, sizeof before);
        state.worn_from = at;
        state.worn_to = uint16_t(at + 1);
        board = &boot();
        CHECK(open(*board));
        CHECK(prove(*board, 0));
        CHECK(!sign(*board, 0).whole);
        CHECK(host.refused(Code::storage_failed));
        state.worn_to = 0;
        memcpy(state.storage, before, sizeof before);
        probe = leaf_store::load();
        CHECK(leaf_store::advance(probe));
        CHECK_EQUAL(state.storage[at], changed);
    }
}

// The board's own way through key generation and signing, cut at each byte that it writes.
TEST(a_board_that_is_cut_anywhere_comes_to_the_same_root_and_signs_with_no_leaf_twice) {
    if (lms::kW != 4) return;  // the same, and slow
    static uint8_t before[machine::kStorageSize];
    static const uint16_t starts[] = {0, 1, 6, 7, 15, kLeaves - 2, kLeaves - 1};
    for (uint16_t start : starts) {
        ready();
        uint8_t seed[kN], node[kN], have[kN];
        load(vectors::board_1_seed, seed);
        CHECK(leaf_store::create(seed));
        Board* board = &boot();
        CHECK(open(*board));
        for (uint16_t leaf = 0; leaf < start; ++leaf) CHECK(want(*board, leaf, node));
        memcpy(before, state.storage, sizeof before);
        for (uint16_t cut = 0;; cut = uint16_t(cut + 3)) {
            memcpy(state.storage, before, sizeof before);
            board = &boot();
            CHECK(open(*board));
            state.writes_left = cut;
            state.torn = cut & 1 ? 0x2B : -1;
            state.writes = 0;
            const bool told = want(*board, start, node);
            const bool whole = state.writes < cut;
            CHECK(told || !whole);
            state.writes_left = UINT16_MAX;
            state.torn = -1;
            board = &boot();
            CHECK(open(*board));
            const uint32_t folded = phase(*board) == Phase::generating ? next(*board) : uint32_t(kLeaves);
            CHECK(folded == start + 1u || (!told && folded <= start && folded + 1 >= start));
            for (uint32_t leaf = folded; phase(*board) == Phase::generating && leaf <= start; ++leaf) {
                CHECK(want(*board, leaf, node));
                memcpy_P(have, vectors::board_1_leaves.at + leaf * kN, kN);
                CHECK_BYTES(node, have, kN);
            }
            CHECK(phase(*board) == (start == kLeaves - 1u ? Phase::ready : Phase::generating));
            CHECK_EQUAL(next(*board), start == kLeaves - 1u ? 0 : start + 1u);
            if (whole) break;
        }
        if (start < kLeaves - 1u) continue;
        CHECK(ask(*board));
        load(vectors::board_1_root, have);
        CHECK_BYTES(body() + 25, have, kN);
    }
}

TEST(a_board_that_is_cut_while_it_signs_never_signs_with_that_leaf_again) {
    static uint8_t before[machine::kStorageSize];
    able();
    memcpy(before, state.storage, sizeof before);
    for (uint16_t cut = 0;; ++cut) {
        memcpy(state.storage, before, sizeof before);
        Board* board = &boot();
        CHECK(open(*board));
        CHECK(prove(*board, 0));
        state.writes_left = cut;
        state.torn = cut & 1 ? 0x00 : 0xFF;
        state.writes = 0;
        const bool answered = host.say_u32(*board, Type::sign, 0);
        const bool spoke = answered && host.heard(Type::checkpoint);
        const bool whole = state.writes < cut;
        CHECK(spoke || !whole);
        state.writes_left = UINT16_MAX;
        state.torn = -1;
        board = &boot();
        CHECK(open(*board));
        const uint32_t leaf = next(*board);
        CHECK(leaf <= 1);
        if (spoke) CHECK_EQUAL(leaf, 1);
        CHECK(prove(*board, uint16_t(leaf)));
        CHECK(sign(*board, uint16_t(leaf)).whole);
        if (whole) break;
    }
}

#endif

QCOT_TEST_MAIN("leaves")
