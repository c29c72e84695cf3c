// The channels of a board, as tables of records.
#pragma once

#include <stdint.h>

#include "sensor.h"

namespace qcot {

constexpr uint32_t kMinRate = 100;  // mHz
constexpr uint32_t kMaxRate = 200000;
constexpr uint32_t kMaxChipRate = 30000;  // a temperature of the chip takes 28 ms

#if defined(__AVR_ATmega2560__)
constexpr uint8_t kAnalogInputs = 16;
constexpr bool kHasChip = false;
#define QCOT_MODEL "megaatmega2560"
#elif defined(__AVR_ATmega32U4__)
constexpr uint8_t kAnalogInputs = 6;
constexpr bool kHasChip = false;  // its data sheet gives no line that could be checked here
#define QCOT_MODEL "leonardo"
#elif defined(ARDUINO_AVR_NANO)
constexpr uint8_t kAnalogInputs = 8;
constexpr bool kHasChip = true;
#define QCOT_MODEL "nano"
#elif defined(__AVR_ATmega328P__)
constexpr uint8_t kAnalogInputs = 6;
constexpr bool kHasChip = true;
#define QCOT_MODEL "uno"
#elif defined(ARDUINO_ARCH_ESP32)
constexpr uint8_t kAnalogInputs = 6;
constexpr bool kHasChip = false;
#define QCOT_MODEL "esp32dev"
#elif defined(ARDUINO_ARCH_RP2040)
constexpr uint8_t kAnalogInputs = 3;
constexpr bool kHasChip = false;
#define QCOT_MODEL "rpipicow"
#elif defined(ARDUINO_UNOR4_WIFI)
constexpr uint8_t kAnalogInputs = 6;
constexpr bool kHasChip = false;
#define QCOT_MODEL "uno_r4_wifi"
#else
constexpr uint8_t kAnalogInputs = 6;
constexpr bool kHasChip = false;
#define QCOT_MODEL "native"
#endif

// The bandgap against the supply is an AVR's trick; the native board plays it.
#if defined(__AVR__) || defined(__unix__)
constexpr bool kHasSupply = true;
#else
constexpr bool kHasSupply = false;
#endif

// The analog inputs in order (one conversion against the supply each), then the supply itself (from the bandgap
// reference), then the chip's own temperature where there is a sensor: what the sampler takes, by a timer.
constexpr uint8_t kAdcChannels = kAnalogInputs + (kHasSupply ? 1 : 0) + (kHasChip ? 1 : 0);

// Then the sensors of table.inc, which the main loop takes.
#define SENSOR(name, count) +1
constexpr uint8_t kSensors =
#include "table.inc"
    ;
#undef SENSOR
#define SENSOR(name, count) +count
constexpr uint8_t kSensorChannels =
#include "table.inc"
    ;
#undef SENSOR

constexpr uint8_t kChannels = kAdcChannels + kSensorChannels;

Channel channel(uint8_t index);

// The sensor that `channel` is of, a number from 0, and which channels are its.
struct Place {
    uint8_t sensor;
    uint8_t first;
    uint8_t count;
};
Place place_of(uint8_t channel);
Sensor sensor(uint8_t number);

// Whether both channels want the same pins: on the boards that have I2C on A4 and A5, those two and what is on the bus.
bool share_pins(uint8_t channel, uint8_t other);

// Whether `channel` can be read `rate` times in 1,000 seconds; 0 is off.
bool allows(uint8_t channel, uint32_t rate);

// From the bandgap (1.1 V nominal, +-10 % from chip to chip) converted against the supply, to mV of the supply.
int32_t supply_millivolts(uint16_t counts);

// From the 328P's sensor converted against 1.1 V, to hundredths of a degree Celsius: typical line, +-10 degrees
// uncalibrated (data sheet, "Temperature Measurement").
int32_t chip_centidegrees(uint16_t counts);

}  // namespace qcot
