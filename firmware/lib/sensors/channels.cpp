#include "channels.h"

#include "hal/progmem.h"

namespace qcot {
namespace {

#define QCOT_ANALOG(n) \
    { "A" #n, "V", 5, 1024, 0 }

const Channel kTable[] PROGMEM = {
    QCOT_ANALOG(0), QCOT_ANALOG(1), QCOT_ANALOG(2), QCOT_ANALOG(3), QCOT_ANALOG(4), QCOT_ANALOG(5),
#if defined(ARDUINO_AVR_NANO)
    QCOT_ANALOG(6), QCOT_ANALOG(7),
#elif defined(__AVR_ATmega2560__)
    QCOT_ANALOG(6), QCOT_ANALOG(7), QCOT_ANALOG(8), QCOT_ANALOG(9), QCOT_ANALOG(10), QCOT_ANALOG(11),
    QCOT_ANALOG(12), QCOT_ANALOG(13), QCOT_ANALOG(14), QCOT_ANALOG(15),
#endif
    {"supply", "V", 1, 1000, 0},
#if defined(__AVR_ATmega328P__)
    {"chip", "Cel", 1, 100, 0},
#endif
};

#undef QCOT_ANALOG

static_assert(sizeof kTable == kChannels * sizeof(Channel), "a record for each channel");

constexpr int32_t kBandgapMillivolts = 1100;

}  // namespace

Channel channel(uint8_t index) {
    Channel out;
    memcpy_P(&out, &kTable[index], sizeof out);
    return out;
}

int32_t supply_millivolts(uint16_t counts) { return kBandgapMillivolts * 1024 / (counts ? counts : 1); }

int32_t chip_centidegrees(uint16_t counts) { return (int32_t(counts) * 100 - 32431) * 100 / 122; }

}  // namespace qcot
