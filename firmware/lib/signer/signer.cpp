#include "signer.h"

#include <string.h>

#include "hal/hal.h"
#include "hal/progmem.h"
#include "link/bytes.h"

namespace qcot {
namespace {

using lms::kH;
using lms::kLeaves;
using lms::kN;

const char kSeedLabel[] PROGMEM = "qcot/lms/seed/v1";
const char kIdLabel[] PROGMEM = "qcot/lms/id/v1";
constexpr uint8_t kSeedLabelSize = sizeof kSeedLabel - 1;
constexpr uint8_t kIdLabelSize = sizeof kIdLabel - 1;

}  // namespace

void Signer::begin() {
    standing_ = leaf_store::load();
    identify();
}

// I, where there is a sound key; else zeros.
void Signer::identify() {
    memset(prefix_.identifier, 0, sizeof prefix_.identifier);
    if (standing_.phase == Phase::none || standing_.phase == Phase::damaged) return;
    uint8_t bytes[kHashSize];
    HmacKey key;
    leaf_store::read_seed(bytes);
    hmac_key(key, bytes, kN);
    memcpy_P(bytes, kIdLabel, kIdLabelSize);
    hmac(key, bytes, kIdLabelSize, bytes);
    memcpy(prefix_.identifier, bytes, sizeof prefix_.identifier);
    wipe(&key, sizeof key);
    wipe(bytes, sizeof bytes);
}

void Signer::erase() {
    forget();
    stop();
    leaf_store::erase();
    begin();
}

void Signer::forget() {
    wanted_ = failed_ = false;
    // A node that is half stored is stored to its end: what it stands on may be under it.
    if (doing_ != Doing::folding) stop();
}

// Ends what is under way. A chain's value may be a secret.
void Signer::stop() {
    if (doing_ == Doing::gathering) hal::noise_end();
    if (doing_ != Doing::nothing) {
        wipe(value_, sizeof value_);
        wipe(&work_, sizeof work_);
        leaf_ = kNoLeaf;
        cached_ = false;
    }
    doing_ = Doing::nothing;
    done_ = false;
    level_ = 0;
}

uint16_t Signer::next() const {
    if (standing_.phase == Phase::none || standing_.phase == Phase::damaged) return 0;
    return standing_.phase == Phase::generating ? standing_.progress : uint16_t(standing_.progress - kLeaves);
}

void Signer::root(uint8_t out[kN]) const {
    memset(out, 0, kN);
    if (phase() == Phase::ready || phase() == Phase::exhausted) leaf_store::read_node(0, out);
}

bool Signer::step() {
    switch (doing_) {
        case Doing::gathering: return gather_some();
        case Doing::leaf: step_leaf(); return true;
        case Doing::folding: step_fold(); return true;
        case Doing::signing:
            if (done_) return false;
            step_chain();
            done_ = seeded_ && prefix_.j == lms::digit(work_.digits, chain_);
            return true;
        default: return false;
    }
}

// --- a key ------------------------------------------------------------------------------------------------------

Code Signer::gather() {
    if (phase() == Phase::damaged) return Code::key_damaged;
    if (phase() == Phase::generating || phase() == Phase::ready) return Code::key_exists;
    if (doing_ == Doing::gathering || doing_ == Doing::key || doing_ == Doing::signing) return Code::busy;
    stop();
    doing_ = Doing::gathering;
    cached_ = false;
    stored_ = 0;
    work_.stream.begin();
    return Code::ok;
}

// 256 bytes of noise, at one bit of entropy a byte enough for a seed.
bool Signer::gather_some() {
    const int16_t noise = hal::noise();
    if (noise < 0) return false;
    const uint8_t byte = uint8_t(noise);
    work_.stream.add(&byte, 1);
    if (++stored_ == 0) {
        hal::noise_end();
        doing_ = Doing::key;
    }
    return true;
}

bool Signer::create(const HmacKey& device, uint32_t epoch) {
    uint8_t message[kSeedLabelSize + 2 + 4 + kHashSize];
    memcpy_P(message, kSeedLabel, kSeedLabelSize);
    Writer out(message + kSeedLabelSize);
    out.u16(leaf_store::next_generation());
    out.u32(epoch);
    work_.stream.finish(out.at(), kHashSize);
    hmac(device, message, sizeof message, message);
    const bool good = leaf_store::create(message);
    wipe(message, sizeof message);
    stop();
    begin();
    return good;
}

// --- leaves and the tree ----------------------------------------------------------------------------------------

Code Signer::want_leaf(uint32_t index) {
    if (phase() == Phase::none) return doing_ == Doing::nothing ? Code::no_key : Code::busy;  // busy gathering
    if (phase() == Phase::damaged) return Code::key_damaged;
    if (index >= kLeaves) return Code::bad_leaf;
    if (leaf_ != index || !(cached_ || doing_ == Doing::leaf || doing_ == Doing::folding)) {
        if (doing_ != Doing::nothing && doing_ != Doing::leaf) return Code::busy;
        begin_leaf(uint16_t(index));
    }
    wanted_ = true;
    return Code::ok;
}

void Signer::begin_leaf(uint16_t index) {
    leaf_ = index;
    cached_ = false;
    level_ = 0;
    doing_ = Doing::leaf;
    prefix_.set_q(index);
    chain_ = 0;
    work_.stream.begin(prefix_, lms::kPublic);
    begin_chain();
}

void Signer::begin_chain() {
    seeded_ = done_ = false;
    prefix_.set_i(chain_);
    prefix_.j = lms::kFromSeed;
}

// x_q[i] from the seed (RFC 8554 appendix A), then one hash of the chain after the other.
void Signer::step_chain() {
    if (!seeded_) leaf_store::read_seed(value_);
    lms::chain_step(prefix_, value_);
    prefix_.j = seeded_ ? uint8_t(prefix_.j + 1) : uint8_t(0);
    seeded_ = true;
}

void Signer::step_leaf() {
    if (chain_ == lms::kChains) {
        uint8_t node[kN];
        work_.stream.finish(node, kN);
        lms::leaf_node(prefix_, leaf_, node);
        memcpy(work_.leaf, node, kN);
        memcpy(value_, node, kN);
        level_ = stored_ = 0;
        const bool grows = phase() == Phase::generating && leaf_ == standing_.progress;
        cached_ = !grows;
        doing_ = grows ? Doing::folding : Doing::nothing;
        return;
    }
    if (!seeded_ || prefix_.j != lms::kSteps) return step_chain();
    work_.stream.add(value_, kN);
    ++chain_;
    begin_chain();
}

// The node in value_ meets those of the frontier, as a carry runs through a number's ones, and is written where there was none.
void Signer::step_fold() {
    if (stored_ == 0 && (leaf_ >> level_ & 1)) {
        uint8_t left[kN];
        leaf_store::read_node(level_, left);
        lms::Stream stream;
        lms::parent_node(stream, prefix_, leaf_, level_, left, value_);
        ++level_;
        return;
    }
    const uint8_t level = level_ == kH ? uint8_t(0) : level_;
    bool good = (stored_ > 0 || leaf_store::holds(standing_)) && leaf_store::write_node(level, stored_, value_[stored_]);
    if (good && ++stored_ < kN) return;
    good = good && leaf_store::advance(standing_);
    if (!good) {
        standing_ = leaf_store::load();
        failed_ = wanted_;
        wanted_ = false;
        leaf_ = kNoLeaf;
    }
    cached_ = good;
    doing_ = Doing::nothing;
    level_ = 0;
}

bool Signer::failed() {
    const bool was = failed_;
    failed_ = false;
    return was;
}

// --- paths and signatures ---------------------------------------------------------------------------------------

Code Signer::climb(uint32_t leaf, uint8_t level, const uint8_t node[kN], lms::Stream& room) {
    const Code refusal = refuse(leaf);
    if (refusal != Code::ok) return refusal;
    if (leaf_ != leaf) return Code::bad_leaf;
    if (!cached_) return Code::busy;
    if (level == 0) memcpy(value_, work_.leaf, kN);
    if (level >= kH || (level != 0 && level != level_)) {
        level_ = 0;
        return Code::wrong_path;
    }
    lms::parent_node(room, prefix_, leaf_, level, node, value_);
    level_ = uint8_t(level + 1);
    if (level_ < kH) return Code::ok;
    uint8_t root[kN];
    leaf_store::read_node(0, root);
    if (equal_bytes(root, value_, kN)) return Code::ok;
    level_ = 0;
    return Code::wrong_path;
}

// Why nothing can be done with `leaf` as one to sign with, or ok.
Code Signer::refuse(uint32_t leaf) const {
    if (doing_ == Doing::gathering || doing_ == Doing::key || doing_ == Doing::signing) return Code::busy;
    if (phase() == Phase::none) return Code::no_key;
    if (phase() == Phase::generating) return Code::generating;
    if (phase() == Phase::exhausted) return Code::exhausted;
    if (phase() == Phase::damaged) return Code::key_damaged;
    return leaf == next() ? Code::ok : Code::bad_leaf;
}

Code Signer::may_sign(uint32_t leaf) const {
    const Code refusal = refuse(leaf);
    if (refusal != Code::ok) return refusal;
    return leaf_ == leaf && cached_ && level_ == kH ? Code::ok : Code::wrong_path;
}

bool Signer::reserve(uint8_t randomizer[kN]) {
    const uint16_t leaf = next();
    stop();
    leaf_ = kNoLeaf;
    cached_ = wanted_ = false;
    if (!leaf_store::advance(standing_)) return false;
    prefix_.set_q(leaf);
    prefix_.set_i(lms::kRandomizer);
    prefix_.j = lms::kFromSeed;
    leaf_store::read_seed(randomizer);
    lms::chain_step(prefix_, randomizer);
    doing_ = Doing::signing;
    return true;
}

void Signer::begin_chains() {
    uint8_t digest[kN];
    work_.stream.finish(digest, kN);
    memcpy(work_.digits, digest, kN);
    lms::add_checksum(work_.digits);
    chain_ = 0;
    begin_chain();
}

void Signer::take() {
    if (++chain_ < lms::kChains) return begin_chain();
    stop();
    if (phase() == Phase::ready) begin_leaf(next());
}

}  // namespace qcot
