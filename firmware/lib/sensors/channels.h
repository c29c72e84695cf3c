// The channels of a board, as a table of records.
#pragma once

#include <stdint.h>

namespace qcot {

constexpr uint32_t kMinRate = 100;  // mHz
constexpr uint32_t kMaxRate = 200000;

// Value in `unit` = (value + offset) * num / den (SenML, RFC 8428).
struct Channel {
    char name[7];
    char unit[4];
    int16_t num;
    int16_t den;
    int16_t offset;
};

#if defined(__AVR_ATmega2560__)
constexpr uint8_t kAnalogInputs = 16;
constexpr bool kHasChip = false;
#define QCOT_MODEL "megaatmega2560"
#elif defined(ARDUINO_AVR_NANO)
constexpr uint8_t kAnalogInputs = 8;
constexpr bool kHasChip = true;
#define QCOT_MODEL "nano"
#elif defined(__AVR_ATmega328P__)
constexpr uint8_t kAnalogInputs = 6;
constexpr bool kHasChip = true;
#define QCOT_MODEL "uno"
#else
constexpr uint8_t kAnalogInputs = 6;
constexpr bool kHasChip = false;
#define QCOT_MODEL "native"
#endif

constexpr uint8_t kChannels = kAnalogInputs + 1 + (kHasChip ? 1 : 0);

// The analog inputs in order (one conversion against the supply each), then the supply itself (from the bandgap
// reference), then the chip's own temperature where there is a sensor.
Channel channel(uint8_t index);

// From the bandgap (1.1 V nominal, +-10 % from chip to chip) converted against the supply, to mV of the supply.
int32_t supply_millivolts(uint16_t counts);

// From the 328P's sensor converted against 1.1 V, to hundredths of a degree Celsius: typical line, +-10 degrees
// uncalibrated (data sheet, "Temperature Measurement").
int32_t chip_centidegrees(uint16_t counts);

}  // namespace qcot
