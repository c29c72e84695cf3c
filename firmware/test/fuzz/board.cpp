// A whole board under a script of line noise, good and bad frames, samples, time, resets and power cuts.
//
//     0 SIZE BYTES      these bytes come over the line
//     1                 a host that knows the key enrols the board and opens a session
//     2 TYPE SIZE BODY  this frame comes under the session key, with the next counter
//     3 N               N x 25 ms pass
//     4 N               N samples
//     5                 the host acknowledges what it has
//     6                 reset
//     7 N               after N more bytes for the EEPROM the power fails
//     8                 reset, and the EEPROM holds a whole key (once: who restores an EEPROM can sign twice)
//     9                 the host gives the next leaf's path and asks for a signature
//
// Whatever comes, no leaf of one key is told in two CHECKPOINTs, no value of a signature comes before its CHECKPOINT or twice,
// each READINGS frame under the session key must follow the chain, and no reading may be missing from it
// but those that a LOST tells of.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "chain/chain.h"
#include "link/frame.h"
#include "link/keys.h"
#include "support/memory_hal.h"

using namespace qcot;
using machine::state;

void qcot::hal::entropy(uint8_t* to, uint8_t size) { memset(to, 0, size); }

namespace {

const uint8_t kIdentity[kEnrolBody] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

void require(bool truth) {
    if (!truth) abort();
}

struct Script {
    const uint8_t* at;
    size_t left;
    uint8_t next() {
        if (left == 0) return 0;
        --left;
        return *at++;
    }
    const uint8_t* bytes(uint8_t& size) {
        if (size > left) size = uint8_t(left);
        const uint8_t* const here = at;
        at += size;
        left -= size;
        return here;
    }
};

struct World {
    Board* board;
    HmacKey key;
    bool open;
    uint32_t counter;
    Link link;
    uint32_t next;
    uint32_t taken;  // sampled in this boot
    uint8_t identifier[lms::kIdentifierSize];  // of the key that SIGNER told last
    uint32_t unused;  // leaves from here on have not signed under it
    uint32_t leaf;    // of the signature under way
    uint16_t value;   // the next one of it; kChains when there is none

    void boot() {
        board = &machine::boot();
        open = false;
        counter = next = taken = 0;
        value = lms::kChains;
        drain();
    }
    void drain() {
        while (machine::run(*board)) hear();
    }
    void feed(const uint8_t* bytes, uint16_t size) {
        if (machine::run(*board, bytes, size)) hear();
        drain();
    }
    void plain(Type type, const uint8_t* what, uint8_t size) {
        static FrameBuffer frame;
        Writer out = frame.begin(type, 0);
        out.bytes(what, size);
        feed(frame.data(), frame.seal(out, nullptr));
    }
    void sealed(Type type, const uint8_t* what, uint8_t size) {
        if (!open || size > kMaxHostRaw - kHeadSize - kMacSize - 2) return;
        static FrameBuffer frame;
        Writer out = frame.begin(type, ++counter);
        out.bytes(what, size);
        feed(frame.data(), frame.seal(out, &key));
    }
    void start() {
        const uint8_t delimiter = 0;
        feed(&delimiter, 1);
        plain(Type::enrol, kIdentity, kEnrolBody);
        nonce_known = false;
        plain(Type::identify, kIdentity, 0);
        if (!nonce_known) return;
        HmacKey device;
        hmac_key(device, kIdentity + kDeviceSize, kSecretSize);
        uint8_t message[kOpenBody] = {};
        derive_session_key(device, nonce, message, key);
        Writer(message + kNonceSize).u32(epoch);
        Writer(message + kNonceSize + 4).u32(next);
        open = true;
        counter = 0;
        sealed(Type::open, message, kOpenBody);
    }

    uint8_t nonce[kNonceSize];
    bool nonce_known;
    uint32_t epoch;

    void hear() {
        const uint8_t* const body = state.out + kHeadSize;
        require(state.out_size <= kMaxBoardRaw);
        if (Type(state.out[0]) == Type::hello) {
            memcpy(nonce, body + 14, kNonceSize);
            epoch = read_u32(body + 10);
            nonce_known = body[1] & kStateEnrolled;
        }
        if (!open || !mac_good(state.out, uint8_t(state.out_size), key)) return;
        if (Type(state.out[0]) == Type::opened) {
            next = read_u32(body + 47);
            memcpy(link, body + 55, kHashSize);
        }
        if (Type(state.out[0]) == Type::signer && memcmp(identifier, body + 9, sizeof identifier) != 0) {
            memcpy(identifier, body + 9, sizeof identifier);
            unused = 0;
        }
        if (Type(state.out[0]) == Type::checkpoint) {
            leaf = read_u32(body);
            require(leaf >= unused && leaf < lms::kLeaves);
            unused = leaf + 1;
            value = 0;
        }
        if (Type(state.out[0]) == Type::signature) {
            require(read_u32(body) == leaf && body[4] == value);
            value = uint16_t(value + (state.out_size - kHeadSize - kSignatureHead - kMacSize - 2) / lms::kN);
            require(value <= lms::kChains);
        }
        if (Type(state.out[0]) != Type::readings) return;
        const uint8_t count = body[4];
        require(count >= 1 && count <= kMaxReadings);
        if (read_u32(body) != next) return;
        const uint8_t* at = body + 5;
        for (uint8_t i = 0; i < count; ++i, at += kReadingSize) {
            chain_step(link, next++, {read_u32(at), at[4], int32_t(read_u32(at + 5))});
        }
        require(memcmp(link, at, kHashSize) == 0);
        require(next <= 2 * taken);
    }
};

World world;

// A key that is whole, and all its nodes; grown once.
struct Grown {
    uint8_t storage[machine::kStorageSize - 640];
    uint8_t nodes[2 * lms::kLeaves][lms::kN];

    Grown() {
        machine::reset();
        const uint8_t seed[lms::kN] = {42};
        require(leaf_store::create(seed));
        Signer signer;
        signer.begin();
        for (uint16_t leaf = 0; leaf < lms::kLeaves; ++leaf) {
            require(signer.want_leaf(leaf) == Code::ok);
            while (!signer.leaf()) require(signer.step());
            memcpy(nodes[lms::kLeaves + leaf], signer.leaf(), lms::kN);
            signer.said();
        }
        require(signer.phase() == Signer::Phase::ready);
        lms::Prefix prefix = {};
        memcpy(prefix.identifier, signer.identifier(), sizeof prefix.identifier);
        lms::Stream stream;
        for (uint16_t i = lms::kLeaves - 1; i; --i) {
            uint8_t level = 0;
            while (i << (level + 1) < lms::kLeaves) ++level;
            memcpy(nodes[i], nodes[2 * i], lms::kN);
            lms::parent_node(stream, prefix, uint16_t((2 * i << level) - lms::kLeaves), level, nodes[2 * i + 1], nodes[i]);
        }
        memcpy(storage, state.storage + 640, sizeof storage);
    }
};

const Grown& grown() {
    static const Grown once;
    return once;
}

void sign_next() {
    const leaf_store::Standing standing = leaf_store::load();
    if (standing.phase != Signer::Phase::ready) return;
    const uint16_t leaf = uint16_t(standing.progress - lms::kLeaves);
    uint8_t message[5 + lms::kN];
    Writer(message).u32(leaf);
    world.sealed(Type::want_leaf, message, 4);
    for (uint8_t level = 0; level < lms::kH; ++level) {
        message[4] = level;
        memcpy(message + 5, grown().nodes[((lms::kLeaves + leaf) >> level) ^ 1], lms::kN);
        world.sealed(Type::path, message, sizeof message);
    }
    world.sealed(Type::sign, message, 4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    grown();
    bool planted = false;
    machine::reset();
    memset(world.identifier, 0, sizeof world.identifier);
    world.unused = 0;
    world.boot();
    Script script = {data, size};
    while (script.left) {
        const uint8_t what = script.next() % 10;
        uint8_t n = what == 1 || what == 5 || what == 6 || what == 8 || what == 9 ? uint8_t(0) : script.next();
        switch (what) {
            case 0: {
                const uint8_t* const bytes = script.bytes(n);
                world.feed(bytes, n);
                break;
            }
            case 1: world.start(); break;
            case 2: {
                const Type type = Type(n);
                n = script.next();
                const uint8_t* const body = script.bytes(n);
                world.sealed(type, body, n);
                break;
            }
            case 3:
                state.now += n * 25u;
                world.drain();
                break;
            case 4:
                for (; n; --n) {
                    world.board->sampled({state.now, uint8_t(n & 3), int32_t(n * 4)});
                    ++world.taken;
                }
                world.drain();
                break;
            case 5: {
                uint8_t seq[4];
                Writer(seq).u32(world.next);
                world.sealed(Type::ack, seq, 4);
                break;
            }
            case 6: world.boot(); break;
            case 7: state.writes_left = n; break;
            case 8:
                if (planted) break;
                planted = true;
                memcpy(state.storage + 640, grown().storage, sizeof grown().storage);
                world.boot();
                break;
            case 9: sign_next(); break;
        }
        if (state.writes_left == 0) {
            state.writes_left = UINT16_MAX;
            world.boot();
        }
    }
    return 0;
}
