#include "lms.h"

#include <string.h>

namespace qcot {
namespace lms {
namespace {

static_assert(kPrefixSize + kChains * kN < 8192, "sha256_pad's longest");
static_assert(sizeof(Prefix) + kN <= kOneBlock, "a chain's step is one block");

}  // namespace

void chain_step(const Prefix& prefix, uint8_t value[kN]) {
    Sha256Block block;
    Sha256State state;
    memcpy(block, &prefix, sizeof prefix);
    sha256_copy(block + sizeof prefix, value, kN / 8);
    sha256_pad(block, sizeof prefix + kN);
    sha256_one(block, state);
    sha256_copy(value, state, kN / 8);
    if (prefix.j == kFromSeed) wipe(block, sizeof block);
}

void Stream::begin() {
    sha256_init(state_);
    size_ = 0;
}

void Stream::begin(const Prefix& prefix, uint16_t i) {
    begin();
    add(&prefix, kPrefixSize - 2);
    const uint8_t big[2] = {uint8_t(i >> 8), uint8_t(i)};
    add(big, sizeof big);
}

void Stream::add(const void* from, uint8_t size) {
    const uint8_t* bytes = static_cast<const uint8_t*>(from);
    while (size--) {
        block_[size_++ % kBlockSize] = *bytes++;
        if (size_ % kBlockSize == 0) sha256_compress(state_, block_);
    }
}

void Stream::finish(uint8_t* out, uint8_t size) {
    const uint8_t used = size_ % kBlockSize;
    if (used > kOneBlock) {
        // No room for the length: it stands alone in another block.
        block_[used] = 0x80;
        memset(block_ + used + 1, 0, size_t(kBlockSize - 1 - used));
        sha256_compress(state_, block_);
        sha256_pad(block_, 0, size_);
        block_[0] = 0;
    } else {
        sha256_pad(block_, used, uint16_t(size_ - used));
    }
    sha256_compress(state_, block_);
    memcpy(out, state_, size);
}

void leaf_node(const Prefix& prefix, uint16_t leaf, uint8_t node[kN]) {
    Prefix one = prefix;
    one.set_q(uint16_t(kLeaves + leaf));
    Stream stream;
    stream.begin(one, kLeaf);
    stream.add(node, kN);
    stream.finish(node, kN);
}

void parent_node(Stream& stream, const Prefix& prefix, uint16_t leaf, uint8_t level, const uint8_t sibling[kN],
                 uint8_t node[kN]) {
    Prefix one = prefix;
    const uint16_t number = uint16_t((kLeaves + leaf) >> level);
    one.set_q(number >> 1);
    const bool right = number & 1;
    stream.begin(one, kInterior);
    stream.add(right ? sibling : node, kN);
    stream.add(right ? node : sibling, kN);
    stream.finish(node, kN);
}

uint8_t digit(const Digits digits, uint8_t i) {
    if (kW == 8) return digits[i];
    const uint8_t byte = digits[i / 2];
    return uint8_t(i & 1 ? byte & 15 : byte >> 4);
}

void add_checksum(Digits digits) {
    uint16_t sum = 0;
    for (uint8_t i = 0; i < kDigits; ++i) sum = uint16_t(sum + kSteps - digit(digits, i));
    sum = uint16_t(sum << kShift);
    digits[kN] = uint8_t(sum >> 8);
    digits[kN + 1] = uint8_t(sum);
}

}  // namespace lms
}  // namespace qcot
