// What a board keeps in its EEPROM: identity, boot epoch, rates. Each record ends in a CRC, and a write that was cut short
// leaves either what was there before or a damage that shows. The map is in docs/board.md.
#pragma once

#include <stdint.h>

#include "sensors/channels.h"
#include "link/messages.h"

namespace qcot {
namespace store {

enum class Identity : uint8_t { none, good, damaged };

// Both are written only if the identity is good; `secret` may be null.
Identity identity_read(uint8_t device[kDeviceSize], uint8_t* secret);
// False if it did not read back.
bool identity_write(const uint8_t device[kDeviceSize], const uint8_t secret[kSecretSize]);

// The identity and the rates; the epoch counts on, as it counts the EEPROM's wear.
void erase();

// Counts this boot: one record written. 0 if no slot takes it.
uint32_t epoch_next();

using Rates = uint32_t[kChannels];

// What a host stored, and true; else zeros, and false: a board samples what it was told to.
bool rates_load(Rates rates);
// Into the older of two slots. False if it did not read back; the newer one still stands then.
bool rates_write(const Rates rates);

}  // namespace store
}  // namespace qcot
