// What the signer keeps in the EEPROM: its key, the frontier of a tree that grows, and how far it has come. A cut at any byte
// leaves the state before or the state after; docs/board.md has the map, docs/adr/0005 the reasons.
//
// Progress is one number that only grows: leaves folded in, up to 2^h; then 2^h plus leaves used, up to 2^(h+1). It
// lies in two copies. While the tree grows they take turns, so a cut goes back to the leaf before, which gives the same
// again. Once leaves are used both are written before any of a signature leaves the board, so each alone tells
// enough: a copy that is cut or rots leaves the other, and if both are bad the key is damaged and signs nothing.
#pragma once

#include <stdint.h>

#include "lms.h"

namespace qcot {
namespace leaf_store {

enum class Phase : uint8_t { none, generating, ready, exhausted, damaged };

struct Standing {
    Phase phase;
    uint16_t generation;  // 0 where there is no key
    uint16_t progress;
};

Standing load();

// The number that the next key gets.
uint16_t next_generation();

// A key of the next generation, with nothing folded in. False if it did not read back; there is none then.
bool create(const uint8_t seed[lms::kN]);

// The key is gone, its nodes (which are public) are not.
void erase();

// Only with a sound key.
void read_seed(uint8_t seed[lms::kN]);

// The node that stands at `level` of the frontier; the root stands at level 0 of a whole tree.
void read_node(uint8_t level, uint8_t node[lms::kN]);
// Byte `i` of a node at a level that is free. False if it did not read back.
bool write_node(uint8_t level, uint8_t i, uint8_t byte);

// Whether `standing` is still what the EEPROM says.
bool holds(const Standing& standing);

// One leaf more, folded in or used. False if it did not read back: what load() says is then what holds.
bool advance(Standing& standing);

}  // namespace leaf_store
}  // namespace qcot
