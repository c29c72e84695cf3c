// A sensor beside the ADC is one file in this folder, which defines one record, and one line in table.inc
// (docs/adding-a-sensor.md).
#pragma once

#include <stdint.h>

#include "hal/bus.h"
#include "hal/progmem.h"

namespace qcot {

// Value in `unit` = (value + offset) * num / den (SenML, RFC 8428).
struct Channel {
    char name[13];  // 1 to 12 characters (docs/link-protocol.md)
    char unit[6];
    int16_t num;
    int16_t den;
    int32_t offset;
};

// What a step of a measurement ends with: milliseconds after which the next one is to be taken, or one of these.
constexpr int16_t kReady = -1;
constexpr int16_t kSilent = hal::kSilent;  // the codes of a FAULT reading are 1 and up, from here on down
constexpr int16_t kHeld = hal::kHeld;
constexpr int16_t kChecksum = -4;   // what it said does not fit its checksum
constexpr int16_t kRestarted = -5;  // it lost power since it was told to measure

struct Sensor {
    bool on_i2c;
    uint16_t least_ms;  // between two measurements; must be at least what one takes
    // Told when the first of its channels is switched on, and when the last one goes off. May be null.
    void (*use)(bool on);
    // Takes step 0, 1, 2 .. of a measurement, each about a millisecond at most, and waits for nothing. With kReady it has
    // put a value for each channel into `values`; with a fault it has not, and no reading is made of it.
    int16_t (*measure)(uint8_t step, int32_t* values);
};

template <uint8_t kCount>
struct SensorOf {
    Sensor sensor;
    Channel channels[kCount];
};

#define SENSOR(name, count) extern const SensorOf<count> name;
#include "table.inc"
#undef SENSOR

}  // namespace qcot
