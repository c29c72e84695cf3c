// A board's LMS key: the dialogue against vectors, then what power cuts, wear and bad hosts do to it.
#include "chain/chain.h"
#include "signer/leaf_store.h"
#include "support/cuts.h"
#include "support/host.h"

using namespace qcot;
using namespace qcot_test;
using lms::kChains;
using lms::kH;
using lms::kLeaves;
using lms::kN;
using machine::state;
using Phase = leaf_store::Phase;

namespace {

// The key that vectors say the test's noise gives.
lms::Prefix prefix_of(const Bytes& identifier) {
    lms::Prefix prefix = {};
    load(identifier, prefix.identifier);
    return prefix;
}

// --- the host's end of the signer's dialogue

const uint8_t kPhaseAt = 2;

bool ask(Board& board) { return host.say(board, Type::ask_signer, "", 0) && host.heard(Type::signer); }
Phase phase(Board& board) {
    CHECK(ask(board));
    return Phase(body()[kPhaseAt]);
}
uint32_t next(Board& board) {
    CHECK(ask(board));
    return read_u32(body() + 5);
}

lms::Stream stream;  // for nodes

// True if LEAF came for it, into `node`.
bool want(Board& board, uint32_t index, uint8_t node[kN]) {
    if (!host.say_u32(board, Type::want_leaf, index) || !host.heard(Type::leaf) || read_u32(body()) != index) return false;
    memcpy(node, body() + 4, kN);
    return true;
}

bool give(Board& board, uint32_t leaf, uint8_t level, const uint8_t node[kN]) {
    uint8_t message[5 + kN];
    Writer out(message);
    out.u32(leaf);
    out.u8(level);
    out.bytes(node, kN);
    return host.say(board, Type::path, message, sizeof message) && host.heard(Type::result);
}

// What a host keeps: nodes[1] is the root, nodes[kLeaves + q] leaf q.
uint8_t nodes[2 * kLeaves][kN];

void grow_nodes(const uint8_t identifier[lms::kIdentifierSize]) {
    lms::Prefix prefix = {};
    memcpy(prefix.identifier, identifier, sizeof prefix.identifier);
    for (uint16_t i = kLeaves - 1; i > 0; --i) {
        uint8_t level = 0;
        while ((i << (level + 1)) < kLeaves) ++level;
        memcpy(nodes[i], nodes[2 * i], kN);
        lms::parent_node(stream, prefix, uint16_t((2 * i << level) - kLeaves), level, nodes[2 * i + 1], nodes[i]);
    }
}

// Gives the whole path of a leaf.
bool prove(Board& board, uint16_t leaf) {
    uint8_t node[kN];
    if (!want(board, leaf, node)) return false;
    for (uint8_t level = 0; level < kH; ++level) {
        if (!give(board, leaf, level, nodes[((kLeaves + leaf) >> level) ^ 1]) || !host.refused(Code::ok)) return false;
    }
    return true;
}

// What came of a SIGN.
struct Heard {
    uint8_t randomizer[kN];
    uint8_t values_sha256[kHashSize];
    uint8_t values;
    uint8_t frames;
    bool whole;
};

Heard hear_signature(Board& board, uint16_t leaf, bool answered) {
    static Heard heard;
    memset(&heard, 0, sizeof heard);
    if (!answered || !host.heard(Type::checkpoint) || read_u32(body()) != leaf) return heard;
    memcpy(heard.randomizer, body() + 44, kN);
    stream.begin();
    while (machine::run(board)) {
        if (out_type() != Type::signature) continue;
        const uint8_t count = uint8_t((state.out_size - kHeadSize - kSignatureHead - kMacSize - 2) / kN);
        CHECK(host.heard(Type::signature));
        CHECK_EQUAL(read_u32(body()), leaf);
        CHECK_EQUAL(body()[4], heard.values);
        CHECK(count >= 1 && count <= kMaxValues);
        heard.values = uint8_t(heard.values + count);
        ++heard.frames;
        stream.add(body() + kSignatureHead, uint8_t(count * kN));
    }
    stream.finish(heard.values_sha256, kHashSize);
    heard.whole = heard.values == kChains;
    return heard;
}

Heard sign(Board& board, uint16_t leaf) {
    return hear_signature(board, leaf, host.say_u32(board, Type::sign, leaf));
}

bool generate(Board& board) { return host.say(board, Type::generate, "", 0) && host.refused(Code::ok); }

// A whole tree without hashing a chain: the leaves are those of the vectors, the rest as the board does it.
void fold_vectors() {
    lms::Prefix prefix = prefix_of(vectors::board_1_identifier);
    leaf_store::Standing standing = leaf_store::load();
    uint8_t node[kN], left[kN];
    for (uint16_t leaf = standing.progress; leaf < kLeaves; ++leaf) {
        memcpy_P(node, vectors::board_1_leaves.at + leaf * kN, kN);
        memcpy(nodes[kLeaves + leaf], node, kN);
        uint8_t level = 0;
        for (; leaf >> level & 1; ++level) {
            leaf_store::read_node(level, left);
            lms::parent_node(stream, prefix, leaf, level, left, node);
        }
        for (uint8_t i = 0; i < kN; ++i) CHECK(leaf_store::write_node(level == kH ? uint8_t(0) : level, i, node[i]));
        CHECK(leaf_store::advance(standing));
    }
    grow_nodes(prefix.identifier);
}

// Enrolled, in a session, with the whole key of the vectors.
Board& able() {
    uint8_t seed[kN];
    Board& first = ready();
    load(vectors::board_1_seed, seed);
    CHECK(leaf_store::create(seed));
    fold_vectors();
    (void)first;
    for (uint16_t i = 0; i < 6 * 16; ++i) state.storage[48 + i] = 0xFF;  // epoch 1 again, as in the vectors
    Board& board = boot();
    CHECK(open(board));
    return board;
}

}  // namespace

TEST(a_board_makes_the_key_that_its_noise_gives) {
    Board& board = ready();
    CHECK(phase(board) == Phase::none);
    CHECK(generate(board));
    CHECK(!state.gathering);
    CHECK(phase(board) == Phase::generating);
    CHECK_EQUAL(body()[0], lms::kTreeType);
    CHECK_EQUAL(body()[1], lms::kOneTimeType);
    CHECK_EQUAL(read_u16(body() + 3), 1);
    uint8_t have[kHashSize], node[kN];
    load(vectors::board_1_identifier, have);
    CHECK_BYTES(body() + 9, have, lms::kIdentifierSize);
#ifdef __AVR__
    const uint16_t leaves = 2;
#else
    const uint16_t leaves = kLeaves;
#endif
    for (uint16_t leaf = 0; leaf < leaves; ++leaf) {
        CHECK_EQUAL(next(board), leaf);
        memset(node, 0, kN);
        CHECK_BYTES(body() + 25, node, kN);
        CHECK(want(board, leaf, node));
        memcpy_P(have, vectors::board_1_leaves.at + leaf * kN, kN);
        CHECK_BYTES(node, have, kN);
        CHECK(want(board, leaf, node));  // lost, and asked for again: not folded again
        CHECK_BYTES(node, have, kN);
    }
    CHECK_EQUAL(next(board), leaves == kLeaves ? 0 : leaves);
    if (leaves < kLeaves) return;
    CHECK(phase(board) == Phase::ready);
    load(vectors::board_1_root, have);
    CHECK_BYTES(body() + 25, have, kN);
    CHECK(open(boot()));
}

TEST(a_checkpoint_is_signed_as_the_vectors_say) {
    Board& board = able();
    CHECK_EQUAL(read_u32(body() + 8), 1);
    uint8_t have[kHashSize];
    CHECK(prove(board, 0));
    CHECK(host.say_u32(board, Type::sign, 0));
    Link link;
    uint8_t device[kDeviceSize];
    load(vectors::device, device);
    chain_start(device, 1, link);
    CHECK_EQUAL(read_u32(body() + 4), 1);
    CHECK_EQUAL(read_u32(body() + 8), 0);
    CHECK_BYTES(body() + 12, link, kHashSize);
    const Heard heard = hear_signature(board, 0, true);
    const auto wanted = from_flash(vectors::board_1_signatures[0]);
    CHECK(heard.whole);
    CHECK_EQUAL(heard.frames, (kChains + kMaxValues - 1) / kMaxValues);
    load(wanted.randomizer, have);
    CHECK_BYTES(heard.randomizer, have, kN);
    load(wanted.values_sha256, have);
    CHECK_BYTES(heard.values_sha256, have, kHashSize);
    CHECK_EQUAL(next(board), 1);
    // It prepares the next leaf by itself.
    uint8_t node[kN];
    machine::run(board);
    CHECK(want(board, 1, node));
    memcpy_P(have, vectors::board_1_leaves.at + kN, kN);
    CHECK_BYTES(node, have, kN);
}

TEST(a_leaf_signs_once_and_only_after_its_path) {
    Board& board = able();
    uint8_t node[kN];
    CHECK(!sign(board, 0).whole);
    CHECK(host.refused(Code::wrong_path));
    CHECK(give(board, 0, 0, nodes[kLeaves + 1]));
    CHECK(host.refused(Code::bad_leaf));  // not computed yet
    CHECK(want(board, 0, node));
    CHECK(!sign(board, 0).whole);
    CHECK(host.refused(Code::wrong_path));
    CHECK(prove(board, 0));
    CHECK(!sign(board, 1).whole);
    CHECK(host.refused(Code::bad_leaf));
    state.writes = 0;
    CHECK(sign(board, 0).whole);
    CHECK(state.writes > 0);
    CHECK(!sign(board, 0).whole);
    CHECK(host.refused(Code::bad_leaf));
    // Each boot checks for itself.
    Board& again = boot();
    CHECK(open(again));
    CHECK_EQUAL(next(again), 1);
    CHECK(!sign(again, 1).whole);
    CHECK(host.refused(Code::wrong_path));
}

// --- power cuts and rot

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

#ifndef __AVR__

TEST(a_wrong_path_is_refused_and_burns_nothing) {
    Board& board = able();
    uint8_t node[kN];
    CHECK(want(board, 0, node));
    state.writes = 0;
    for (uint8_t wrong = 0; wrong < kH; ++wrong) {
        for (uint8_t level = 0; level < kH; ++level) {
            memcpy(node, nodes[(kLeaves >> level) ^ 1], kN);
            if (level == wrong) node[wrong * 4] ^= 0x40;
            CHECK(give(board, 0, level, node));
            CHECK(host.refused(level == kH - 1 ? Code::wrong_path : Code::ok));
        }
        CHECK(!sign(board, 0).whole);
        CHECK(host.refused(Code::wrong_path));
    }
    // Out of order, beyond the root, of another leaf.
    CHECK(give(board, 0, 0, nodes[kLeaves + 1]));
    CHECK(give(board, 0, 2, nodes[(kLeaves >> 2) ^ 1]));
    CHECK(host.refused(Code::wrong_path));
    CHECK(give(board, 0, 1, nodes[(kLeaves >> 1) ^ 1]));
    CHECK(host.refused(Code::wrong_path));
    CHECK(give(board, 0, kH, nodes[1]));
    CHECK(host.refused(Code::wrong_path));
    CHECK(give(board, 0, 0xFF, nodes[1]));
    CHECK(host.refused(Code::wrong_path));
    CHECK(give(board, 1, 0, nodes[kLeaves]));
    CHECK(host.refused(Code::bad_leaf));
    CHECK(give(board, 0xFFFFFFFF, 0, nodes[kLeaves]));
    CHECK(host.refused(Code::bad_leaf));
    CHECK_EQUAL(state.writes, 0);
    CHECK(prove(board, 0));
    CHECK(sign(board, 0).whole);
}

TEST(a_path_is_forgotten_when_another_leaf_is_wanted) {
    Board& board = able();
    uint8_t node[kN];
    CHECK(prove(board, 0));
    CHECK(want(board, 0, node));  // the same: nothing is forgotten
    CHECK(want(board, 3, node));
    CHECK(!sign(board, 0).whole);
    CHECK(host.refused(Code::wrong_path));
    CHECK(want(board, 0, node));
    CHECK(!sign(board, 0).whole);
    CHECK(host.refused(Code::wrong_path));
}

TEST(a_session_that_ends_takes_its_signature_along_and_the_leaf_is_burned) {
    Board& board = able();
    CHECK(prove(board, 0));
    CHECK(host.say_u32(board, Type::sign, 0));
    CHECK(host.heard(Type::checkpoint));
    CHECK(machine::run(board));
    CHECK(host.heard(Type::signature));
    CHECK(open(board));
    while (machine::run(board)) CHECK(out_type() != Type::signature);
    CHECK_EQUAL(next(board), 1);
    CHECK(prove(board, 1));
    CHECK(sign(board, 1).whole);
}

TEST(each_command_is_refused_by_name_where_the_key_is_not_ready_for_it) {
    const uint8_t zeros[5 + kN] = {};
    struct Try {
        Type type;
        uint8_t size;
        Code none, generating, damaged;
    };
    static const Try tries[] = {
        {Type::want_leaf, 4, Code::no_key, Code::ok, Code::key_damaged},
        {Type::path, 5 + kN, Code::no_key, Code::generating, Code::key_damaged},
        {Type::sign, 4, Code::no_key, Code::generating, Code::key_damaged},
        {Type::generate, 0, Code::ok, Code::key_exists, Code::key_damaged},
    };
    for (const Try& one : tries) {
        if (one.none == Code::ok) continue;
        Board& board = ready();
        CHECK(host.say(board, one.type, zeros, one.size));
        CHECK(host.refused(one.none));
    }
    for (const Try& one : tries) {
        if (one.generating == Code::ok) continue;
        Board& board = ready();
        CHECK(generate(board));
        CHECK(host.say(board, one.type, zeros, one.size));
        CHECK(host.refused(one.generating));
    }
    Board* board = &ready();
    CHECK(generate(*board));
    state.storage[650] ^= 1;
    board = &boot();
    CHECK(open(*board));
    CHECK(phase(*board) == Phase::damaged);
    for (const Try& one : tries) {
        CHECK(host.say(*board, one.type, zeros, one.size));
        CHECK(host.refused(one.damaged));
    }
    Board& whole = able();
    CHECK(!generate(whole));
    CHECK(host.refused(Code::key_exists));
    CHECK(host.say_u32(whole, Type::want_leaf, kLeaves));
    CHECK(host.refused(Code::bad_leaf));
    CHECK(host.say(whole, Type::path, zeros, 4 + kN));
    CHECK(host.refused(Code::bad_length));
}

TEST(a_seed_is_nowhere_in_memory_but_in_its_record) {
    uint8_t seed[kN];
    load(vectors::board_1_seed, seed);
    const auto holds = [&seed](const Board& board) {
        const uint8_t* const bytes = reinterpret_cast<const uint8_t*>(&board);
        for (size_t at = 0; at + kN <= sizeof board; ++at) {
            if (memcmp(bytes + at, seed, kN) == 0) return true;
        }
        return false;
    };
    Board& fresh = ready();
    CHECK(generate(fresh));
    CHECK(!holds(fresh));
    Board& board = able();
    CHECK(!holds(board));
    CHECK(prove(board, 0));
    CHECK(!holds(board));
    CHECK(sign(board, 0).whole);
    CHECK(!holds(board));
}

// --- power cuts -----------------------------------------------------------------------------------------------------

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

// --- rot, wear and garbage ------------------------------------------------------------------------------------------

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

TEST(what_is_refused_meanwhile_takes_no_answer_from_a_command_that_goes_on) {
    Board& board = ready();
    static FrameBuffer frame;
    uint8_t both[64];
    uint16_t size = 0;
    const uint32_t asked = host.counter + 1;
    const Type types[] = {Type::generate, Type::want_leaf};
    for (const Type type : types) {
        Writer out = frame.begin(type, ++host.counter);
        if (type == Type::want_leaf) out.u32(0);
        const uint16_t wire = frame.seal(out, &host.key);
        memcpy(both + size, frame.data(), wire);
        size = uint16_t(size + wire);
    }
    CHECK(machine::run(board, both, size));
    CHECK(host.refused(Code::busy));
    CHECK_EQUAL(read_u32(body()), asked + 1);
    CHECK(machine::run(board));
    CHECK(host.refused(Code::ok));
    CHECK_EQUAL(read_u32(body()), asked);
    CHECK(phase(board) == Phase::generating);
}

TEST(a_key_or_a_leaf_that_is_not_stored_is_refused) {
    Board& board = ready();
    state.worn_from = 640;
    state.worn_to = 660;
    CHECK(!generate(board));
    CHECK(host.refused(Code::storage_failed));
    CHECK(phase(board) == Phase::none);
    state.worn_to = 0;
    CHECK(generate(board));
    state.worn_from = 700;
    state.worn_to = 1024;
    CHECK(host.say_u32(board, Type::want_leaf, 0));
    CHECK(host.refused(Code::storage_failed));
    CHECK_EQUAL(read_u32(body()), host.counter);
    state.worn_to = 0;
    CHECK_EQUAL(next(board), 0);
    uint8_t node[kN];
    CHECK(want(board, 0, node));
    CHECK_EQUAL(next(board), 1);
}

// The copy's CRC is over what was read, so it would vouch for a node that was not taken.
TEST(a_node_that_does_not_read_back_is_refused) {
    Board& board = ready();
    CHECK(generate(board));
    static uint8_t before[machine::kStorageSize];
    memcpy(before, state.storage, sizeof before);
    uint8_t node[kN];
    CHECK(want(board, 0, node));
    uint16_t at = 640;
    while (memcmp(state.storage + at, node, kN)) ++at;
    for (uint8_t i = 0; i < kN; i = uint8_t(i + kN - 1)) {
        memcpy(state.storage, before, sizeof before);
        Board& again = boot();
        CHECK(open(again));
        state.worn_from = uint16_t(at + i);
        state.worn_to = uint16_t(at + i + 1);
        CHECK(host.say_u32(again, Type::want_leaf, 0));
        CHECK(host.refused(Code::storage_failed));
        CHECK_EQUAL(next(again), 0);
        state.worn_to = 0;
    }
}

TEST(a_node_that_rots_under_a_running_board_is_made_again) {
    Board& board = ready();
    CHECK(generate(board));
    uint8_t node[kN], have[kN];
    CHECK(want(board, 0, node));
    uint16_t at = 640;
    while (memcmp(state.storage + at, node, kN)) ++at;
    state.storage[at + 5] ^= 4;
    CHECK(host.say_u32(board, Type::want_leaf, 1));
    CHECK(host.refused(Code::storage_failed));
    CHECK_EQUAL(next(board), 0);
    for (uint16_t leaf = 0; leaf < kLeaves; ++leaf) CHECK(want(board, leaf, node));
    CHECK(phase(board) == Phase::ready);
    load(vectors::board_1_root, have);
    CHECK_BYTES(body() + 25, have, kN);
}

TEST(garbage_in_the_eeprom_is_no_key_and_samples_are_chained_as_ever) {
    constexpr uint16_t rounds = 300;
    Random random = {7};
    for (uint16_t round = 0; round < rounds; ++round) {
        ready();
        for (uint16_t at = 640; at < 1024; ++at) {
            state.storage[at] = round == 0 ? uint8_t(0xFF) : round == 1 ? uint8_t(0) : uint8_t(random());
        }
        if (round & 1) state.storage[640 + 2 + kN + 2 + 2 + 2] = 0xA5;  // the marker
        Board& board = boot();
        CHECK(open(board));
        const Phase now = phase(board);
        CHECK(now == Phase::none || now == Phase::damaged);
        CHECK_EQUAL(next(board), 0);
        uint8_t node[kN];
        CHECK(!want(board, 0, node));
        CHECK(!sign(board, 0).whole);
        Link link;
        uint8_t device[kDeviceSize];
        load(vectors::device, device);
        chain_start(device, 2, link);
        for (uint8_t i = 0; i < kMaxReadings; ++i) {
            chain_step(link, i, {state.now, 0, i});
            board.sampled({state.now, 0, i});
        }
        CHECK(machine::run(board));
        CHECK(host.heard(Type::readings));
        CHECK_BYTES(body() + 5 + kMaxReadings * kReadingSize, link, kHashSize);
    }
}

// --- erasing and enrolling ------------------------------------------------------------------------------------------

TEST(an_erased_or_newly_enrolled_board_has_no_key) {
    able();
    state.erase_held = true;
    boot();
    state.erase_held = false;
    for (uint16_t at = 640; at < 640 + 2 + kN + 7; ++at) CHECK_EQUAL(state.storage[at], 0xFF);
    Board* board = &boot();
    CHECK(enrol(*board));
    CHECK(open(*board));
    CHECK(phase(*board) == Phase::none);
    // An identity that is gone by other means leaves no key to the next one.
    able();
    state.storage[42] = 0xFF;
    board = &boot();
    CHECK(enrol(*board));
    CHECK(out_type() == Type::enrolled);
    CHECK(open(*board));
    CHECK(phase(*board) == Phase::none);
}

TEST(keys_of_two_lives_differ_even_with_the_same_noise) {
    Board* board = &ready();
    CHECK(generate(*board));
    CHECK(ask(*board));
    uint8_t first[lms::kIdentifierSize];
    memcpy(first, body() + 9, sizeof first);
    state.erase_held = true;
    boot();
    state.erase_held = false;
    board = &boot();
    enrol(*board);
    CHECK(open(*board));
    state.noise = 0;
    CHECK(generate(*board));
    CHECK(ask(*board));
    CHECK_EQUAL(read_u16(body() + 3), 1);
    CHECK(memcmp(body() + 9, first, sizeof first) != 0);
}

// --- readings and a greedy host -------------------------------------------------------------------------------------

TEST(readings_and_answers_go_between_the_values_of_a_signature) {
    Board& board = able();
    CHECK(prove(board, 0));
    CHECK(host.say_u32(board, Type::sign, 0));
    uint8_t values = 0, readings = 0, results = 0, between = 0;
    stream.begin();
    bool sent = true;
    for (uint16_t turn = 0; turn < 200 && (sent || values < kChains); ++turn) {
        if (values < kChains && turn % 3 == 1) {
            for (uint8_t i = 0; i < kMaxReadings; ++i) board.sampled({state.now, 0, i});
        }
        sent = turn % 5 == 4 ? host.configure(board, 0, 1000) : machine::run(board);
        if (!sent) continue;
        if (host.heard(Type::result)) ++results;
        if (host.heard(Type::readings)) {
            ++readings;
            if (values && values < kChains) ++between;
            uint8_t seq[4];
            Writer(seq).u32(read_u32(body()) + body()[4]);
            sent = host.say(board, Type::ack, seq, 4);
            if (!sent) continue;
        }
        if (!host.heard(Type::signature)) continue;
        const uint8_t count = uint8_t((state.out_size - kHeadSize - kSignatureHead - kMacSize - 2) / kN);
        CHECK_EQUAL(body()[4], values);
        values = uint8_t(values + count);
        stream.add(body() + kSignatureHead, uint8_t(count * kN));
    }
    uint8_t have[kHashSize], wanted[kHashSize];
    stream.finish(have, kHashSize);
    load(from_flash(vectors::board_1_signatures[0]).values_sha256, wanted);
    CHECK_BYTES(have, wanted, kHashSize);
    CHECK_EQUAL(values, kChains);
    CHECK(readings > 1 && between > 0 && results > 0);
}

TEST(a_host_that_floods_keeps_no_reading_waiting) {
    static const Type greedy[] = {Type::want_leaf, Type::sign, Type::path, Type::ask_signer, Type::generate};
    Board& board = able();
    uint8_t waited = 0, most = 0;
    const uint8_t zeros[5 + kN] = {};
    uint32_t heard = 0;
    for (uint16_t i = 0; i < kMaxReadings; ++i) board.sampled({state.now, 0, 1});
    for (uint16_t turn = 0; turn < 300; ++turn) {
        const Type type = greedy[turn % 5];
        const uint8_t size = type == Type::path ? uint8_t(5 + kN) : type == Type::want_leaf || type == Type::sign ? 4 : 0;
        if (host.say(board, type, zeros, size) && host.heard(Type::readings)) {
            heard = read_u32(body()) + body()[4];
            host.say_u32(board, Type::ack, heard);
            if (waited > most) most = waited;
            waited = 0;
            for (uint8_t i = 0; i < kMaxReadings; ++i) board.sampled({state.now, 0, 1});
        }
        ++waited;
    }
    // A frame is chained while at most a few commands are looked at.
    CHECK(heard > 40 * kMaxReadings);
    CHECK(most <= 4);
}

TEST(an_exhausted_key_refuses_and_the_next_generation_is_another) {
    Board& board = able();
    state.noise = 256;
    uint8_t have[kHashSize];
    for (uint16_t leaf = 0; leaf < kLeaves; ++leaf) {
        CHECK(prove(board, leaf));
        const Heard heard = sign(board, leaf);
        CHECK(heard.whole);
        if (leaf + 1u == kLeaves) {
            load(from_flash(vectors::board_1_signatures[1]).values_sha256, have);
            CHECK_BYTES(heard.values_sha256, have, kHashSize);
        }
    }
    CHECK(phase(board) == Phase::exhausted);
    CHECK_EQUAL(next(board), kLeaves);
    load(vectors::board_1_root, have);
    CHECK_BYTES(body() + 25, have, kN);
    for (uint16_t leaf = 0; leaf <= kLeaves; ++leaf) {
        CHECK(!sign(board, leaf).whole);
        CHECK(host.refused(Code::exhausted));
        CHECK(give(board, leaf, 0, nodes[1]));
        CHECK(host.refused(Code::exhausted));
    }
    CHECK(generate(board));
    CHECK(phase(board) == Phase::generating);
    CHECK_EQUAL(read_u16(body() + 3), 2);
    load(vectors::board_2_identifier, have);
    CHECK_BYTES(body() + 9, have, lms::kIdentifierSize);
    uint8_t node[kN];
    for (uint16_t leaf = 0; leaf < kLeaves; ++leaf) CHECK(want(board, leaf, node));
    CHECK(phase(board) == Phase::ready);
    load(vectors::board_2_root, have);
    CHECK_BYTES(body() + 25, have, kN);
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

QCOT_TEST_MAIN("signer")
