// A key's life: where its secret is, what becomes of it when it is not stored, rots, is erased or exhausted.
#include "chain/chain.h"
#include "support/signer.h"

using namespace qcot_test;

template <typename Object>
bool holds(const Object& object, const uint8_t what[kN]) {
    const uint8_t* const bytes = reinterpret_cast<const uint8_t*>(&object);
    for (size_t at = 0; at + kN <= sizeof object; ++at) {
        if (memcmp(bytes + at, what, kN) == 0) return true;
    }
    return false;
}

TEST(a_seed_is_nowhere_in_memory_but_in_its_record) {
    uint8_t seed[kN];
    load(vectors::board_1_seed, seed);
    Board& fresh = ready();
    CHECK(generate(fresh));
    CHECK(!holds(fresh, seed));
    Board& board = able();
    CHECK(!holds(board, seed));
    CHECK(prove(board, 0));
    CHECK(!holds(board, seed));
    CHECK(sign(board, 0).whole);
    CHECK(!holds(board, seed));
}

// x_q[0], from which all of the leaf's first chain follows.
void first_secret(uint16_t leaf, uint8_t out[kN]) {
    lms::Prefix prefix = prefix_of(vectors::board_1_identifier);
    prefix.set_q(leaf);
    prefix.j = lms::kFromSeed;
    load(vectors::board_1_seed, out);
    lms::chain_step(prefix, out);
}

TEST(what_is_given_up_leaves_no_secret_in_memory) {
    static Signer signer;
    uint8_t secret[kN], randomizer[kN];
    able();
    signer.begin();

    first_secret(3, secret);
    CHECK(signer.want_leaf(3) == Code::ok);
    CHECK(signer.step());
    CHECK(holds(signer, secret));
    signer.forget();
    CHECK(!holds(signer, secret));

    CHECK(signer.want_leaf(0) == Code::ok);
    while (!signer.leaf()) CHECK(signer.step());
    for (uint8_t level = 0; level < kH; ++level) {
        CHECK(signer.climb(0, level, nodes[(kLeaves >> level) ^ 1], stream) == Code::ok);
    }
    first_secret(0, secret);
    CHECK(signer.sign([](lms::Stream& out) { out.add("m", 1); }, randomizer));
    CHECK(signer.step());
    CHECK(holds(signer, secret));
    signer.forget();
    CHECK(!holds(signer, secret));

    machine::reset();
    signer.begin();
    CHECK(signer.gather() == Code::ok);
    for (uint8_t i = 0; i < kN; ++i) {
        secret[i] = uint8_t(i * 37);  // as the machine's noise is
        CHECK(signer.step());
    }
    CHECK(holds(signer, secret));
    signer.forget();
    CHECK(!holds(signer, secret));
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

QCOT_TEST_MAIN("signer_key")
