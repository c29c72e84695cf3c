#include "channels.h"

namespace qcot {
namespace {

#if defined(ARDUINO_ARCH_ESP32) || defined(ARDUINO_ARCH_RP2040)
const Channel kInput PROGMEM = {"A0", "V", 33, 10240, 0};  // 3.3 V
#else
const Channel kInput PROGMEM = {"A0", "V", 5, 1024, 0};
#endif
const Channel kSupply PROGMEM = {"supply", "V", 1, 1000, 0};
const Channel kChip PROGMEM = {"chip", "Cel", 1, 100, 0};

struct Row {
    const Sensor* sensor;
    const Channel* channels;
    uint8_t count;
};

const Row kTable[] PROGMEM = {
#define SENSOR(name, count) {&name.sensor, name.channels, count},
#include "table.inc"
#undef SENSOR
};

constexpr int32_t kBandgapMillivolts = 1100;

template <typename Record>
Record from_flash(const Record* at) {
    Record out;
    memcpy_P(&out, at, sizeof out);
    return out;
}

}  // namespace

Channel channel(uint8_t index) {
    if (index < kAnalogInputs) {
        Channel out = from_flash(&kInput);
        char* digit = out.name + 1;
        if (index >= 10) *digit++ = '1';
        *digit = char('0' + index % 10);
        return out;
    }
    if (index < kAdcChannels) return from_flash(index == kAnalogInputs ? &kSupply : &kChip);
    const Place place = place_of(index);
    return from_flash(from_flash(&kTable[place.sensor]).channels + (index - place.first));
}

Place place_of(uint8_t channel) {
    Place at = {0, kAdcChannels, 0};
    for (;; ++at.sensor) {
        at.count = pgm_read_byte(&kTable[at.sensor].count);
        if (channel - at.first < at.count) return at;
        at.first = uint8_t(at.first + at.count);
    }
}

Sensor sensor(uint8_t number) { return from_flash(from_flash(&kTable[number]).sensor); }

#if defined(__AVR_ATmega328P__)
bool share_pins(uint8_t channel, uint8_t other) {
    const auto is_shared = [](uint8_t index) { return index == 4 || index == 5; };  // SDA and SCL
    const auto is_on_bus = [](uint8_t index) { return index >= kAdcChannels && sensor(place_of(index).sensor).on_i2c; };
    return (is_shared(channel) && is_on_bus(other)) || (is_shared(other) && is_on_bus(channel));
}
#else
bool share_pins(uint8_t, uint8_t) { return false; }
#endif

bool allows(uint8_t channel, uint32_t rate) {
    if (rate == 0) return true;
    if (rate < kMinRate || rate > kMaxRate) return false;
    if (kHasChip && channel == kAnalogInputs + 1) return rate <= kMaxChipRate;
    return channel < kAdcChannels || rate <= 1000000 / sensor(place_of(channel).sensor).least_ms;
}

int32_t supply_millivolts(uint16_t counts) { return kBandgapMillivolts * 1024 / (counts ? counts : 1); }

int32_t chip_centidegrees(uint16_t counts) { return (int32_t(counts) * 100 - 32431) * 100 / 122; }

}  // namespace qcot
