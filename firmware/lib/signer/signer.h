// A board's LMS key at work: noise for its seed, leaves, the growing tree, paths, signatures. All in steps of one compression
// (two where tree nodes meet) or one byte of EEPROM; whoever owns the line asks what there is to say.
//
// Invariants: a leaf signs after it was reserved and never before, and signs once; what a hash chain gives before its
// digit is reached leaves by no way; nothing outlives power here but by leaf_store.
#pragma once

#include "crypto/hmac.h"
#include "leaf_store.h"
#include "link/messages.h"
#include "lms.h"

namespace qcot {

class Signer {
public:
    using Phase = leaf_store::Phase;
    static constexpr uint16_t kNoLeaf = 0xFFFF;

    void begin();
    // There is no key any more.
    void erase();
    // The session is over: what was asked for is not wanted any more, and a signature under way is given up.
    void forget();

    Phase phase() const { return standing_.phase; }
    uint16_t generation() const { return standing_.generation; }
    // Leaves folded in while the tree grows, then the next unused leaf.
    uint16_t next() const;
    const uint8_t* identifier() const { return prefix_.identifier; }
    // Zeros until the tree is whole.
    void root(uint8_t out[lms::kN]) const;

    // Does one step of what there is to do; false if there is nothing.
    __attribute__((noinline)) bool step();

    // A refusal, or ok.
    Code gather();
    Code want_leaf(uint32_t index);
    // Needs room for a while: where the stack is deepest, it need not hold a stream too.
    Code climb(uint32_t leaf, uint8_t level, const uint8_t node[lms::kN], lms::Stream& room);
    // Whether SIGN of this leaf is in order.
    Code may_sign(uint32_t leaf) const;
    // Reserves the leaf and begins to sign what `add` puts into the stream (after I, q, D_MESG and C); C goes to
    // `randomizer`. False, and nothing signed, if the leaf could not be reserved.
    template <typename Add>
    bool sign(Add add, uint8_t randomizer[lms::kN]) {
        if (!reserve(randomizer)) return false;
        work_.stream.begin(prefix_, lms::kMessage);
        work_.stream.add(randomizer, lms::kN);
        add(work_.stream);
        begin_chains();
        return true;
    }

    // Enough noise is there: make a key of it, from the identity's key. False if it was not stored.
    bool gathered() const { return doing_ == Doing::key; }
    bool create(const HmacKey& device, uint32_t epoch);

    // A leaf that a host asked for, its index and node; null if there is none to be said. said() ends that.
    const uint8_t* leaf() const { return wanted_ && cached_ ? work_.leaf : nullptr; }
    uint16_t leaf_index() const { return leaf_; }
    void said() { wanted_ = false; }
    // Once true after a leaf that was wanted could not be stored.
    bool failed();

    // A signature's next value, or null if it is not there yet. take() makes room for the one after it.
    bool signing() const { return doing_ == Doing::signing; }
    uint8_t chain() const { return chain_; }
    const uint8_t* value() const { return done_ ? value_ : nullptr; }
    void take();

private:
    enum class Doing : uint8_t { nothing, gathering, key, leaf, folding, signing };

    void identify();
    void begin_leaf(uint16_t index);
    void begin_chain();
    void step_chain();
    void step_leaf();
    void step_fold();
    void stop();
    Code refuse(uint32_t leaf) const;
    __attribute__((noinline)) bool reserve(uint8_t randomizer[lms::kN]);
    void begin_chains();
    bool gather_some();

    leaf_store::Standing standing_;
    lms::Prefix prefix_;  // I, and q, i, j of the chain under way
    uint8_t value_[lms::kN];  // of the chain under way; while a path is climbed or a leaf folded in, the node reached
    union Work {
        Work() {}
        lms::Stream stream;    // noise; a one-time public key
        uint8_t leaf[lms::kN];  // once it is computed
        lms::Digits digits;    // while signing
    } work_;
    uint16_t leaf_ = kNoLeaf;  // the one computed, or being computed
    Doing doing_ = Doing::nothing;
    bool cached_ = false;   // work_.leaf is leaf_'s
    bool wanted_ = false;   // and a host waits for it
    bool failed_ = false;
    bool seeded_ = false;   // the chain under way is past its seed
    bool done_ = false;     // and at its end, when signing
    uint8_t chain_ = 0;     // the chain under way
    uint8_t level_ = 0;     // levels climbed; kH with the root reached
    uint8_t stored_ = 0;    // bytes of a node in EEPROM; of noise, gathered
};

}  // namespace qcot
