// A board's LMS key: the dialogue, against vectors and against hosts that get it wrong.
#include "chain/chain.h"
#include "support/signer.h"

using namespace qcot_test;

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

#ifndef __AVR__  // what follows takes memory or time that an AVR has not

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

#endif

QCOT_TEST_MAIN("signer")
