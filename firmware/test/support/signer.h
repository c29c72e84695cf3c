// The host's end of the signer's dialogue, and boards whose key is that of the vectors. For one suite's file, as host.h.
#pragma once

#include "signer/leaf_store.h"
#include "support/host.h"

namespace qcot_test {

using namespace qcot;
using lms::kChains;
using lms::kH;
using lms::kLeaves;
using lms::kN;
using Phase = leaf_store::Phase;

// The key that vectors say the test's noise gives.
inline lms::Prefix prefix_of(const Bytes& identifier) {
    lms::Prefix prefix = {};
    load(identifier, prefix.identifier);
    return prefix;
}

constexpr uint8_t kPhaseAt = 2;

inline bool ask(Board& board) { return host.say(board, Type::ask_signer, "", 0) && host.heard(Type::signer); }
inline Phase phase(Board& board) {
    CHECK(ask(board));
    return Phase(body()[kPhaseAt]);
}
inline uint32_t next(Board& board) {
    CHECK(ask(board));
    return read_u32(body() + 5);
}

static lms::Stream stream;  // for nodes

// True if LEAF came for it, into `node`.
inline bool want(Board& board, uint32_t index, uint8_t node[kN]) {
    if (!host.say_u32(board, Type::want_leaf, index) || !host.heard(Type::leaf) || read_u32(body()) != index) return false;
    memcpy(node, body() + 4, kN);
    return true;
}

inline bool give(Board& board, uint32_t leaf, uint8_t level, const uint8_t node[kN]) {
    uint8_t message[5 + kN];
    Writer out(message);
    out.u32(leaf);
    out.u8(level);
    out.bytes(node, kN);
    return host.say(board, Type::path, message, sizeof message) && host.heard(Type::result);
}

// What a host keeps: nodes[1] is the root, nodes[kLeaves + q] leaf q.
static uint8_t nodes[2 * kLeaves][kN];

inline void grow_nodes(const uint8_t identifier[lms::kIdentifierSize]) {
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
inline bool prove(Board& board, uint16_t leaf) {
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

inline Heard hear_signature(Board& board, uint16_t leaf, bool answered) {
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

inline Heard sign(Board& board, uint16_t leaf) {
    return hear_signature(board, leaf, host.say_u32(board, Type::sign, leaf));
}

inline bool generate(Board& board) { return host.say(board, Type::generate, "", 0) && host.refused(Code::ok); }

// A whole tree without hashing a chain: the leaves are those of the vectors, the rest as the board does it.
inline void fold_vectors() {
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
inline Board& able() {
    uint8_t seed[kN];
    ready();
    load(vectors::board_1_seed, seed);
    CHECK(leaf_store::create(seed));
    fold_vectors();
    for (uint16_t i = 0; i < 6 * 16; ++i) state.storage[48 + i] = 0xFF;  // epoch 1 again, as in the vectors
    Board& board = boot();
    CHECK(open(board));
    return board;
}

}  // namespace qcot_test
