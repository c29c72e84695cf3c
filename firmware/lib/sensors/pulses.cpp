// The pulse input: a reading is the count so far, so that a reading lost takes no pulse with it.
#include "sensor.h"

namespace qcot {
namespace {

int16_t measure(uint8_t, int32_t* values) {
    *values = int32_t(hal::pulses_counted() & INT32_MAX);
    return kReady;
}

}  // namespace

const SensorOf<1> pulses PROGMEM = {{false, 5, hal::pulses_use, measure}, {{"pulses", "count", 1, 1, 0}}};

}  // namespace qcot
