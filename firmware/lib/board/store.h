// What a board keeps in its EEPROM: identity, boot epoch, settings. Each record ends in a CRC, and a write that was cut short
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

// The identity and the settings; the epoch counts on, as it counts the EEPROM's wear.
void erase();

// Counts this boot: one record written. 0 if no slot takes it.
uint32_t epoch_next();

// What a host set of a channel.
struct Setting {
    uint32_t rate;  // mHz; 0 is off
    int16_t num;    // its calibration; `den` 0: none, the channel's own holds
    int16_t den;
    int32_t offset;
};

// Where the settings that hold lie in the EEPROM, or 0: no host has stored any, and a board samples what it was told to.
uint16_t settings();
// As stored there; zeros where `settings` is 0.
Setting setting(uint16_t settings, uint8_t channel);
// All settings anew, this one changed, into the older of two slots. False if they did not read back; the newer slot still
// holds then.
bool setting_write(uint8_t channel, const Setting& changed);

}  // namespace store
}  // namespace qcot
