// Sensirion SHT30, SHT31 or SHT35 at address 0x44: temperature and humidity, a single shot each time.
#include "crc8.h"
#include "sensor.h"

namespace qcot {
namespace {

constexpr uint8_t kAddress = 0x44;
constexpr uint8_t kMeasure[] = {0x24, 0x00};  // high repeatability, no clock stretching
constexpr int16_t kMeasureMs = 16;

int16_t measure(uint8_t step, int32_t* values) {
    if (step == 0) {
        const int16_t fault = hal::i2c_write(kAddress, kMeasure, sizeof kMeasure);
        return fault ? fault : kMeasureMs;
    }
    uint8_t words[6];  // two, each with its CRC
    const int16_t fault = hal::i2c_read(kAddress, words, sizeof words);
    if (fault) return fault;
    for (uint8_t i = 0; i < 2; ++i) {
        const uint8_t* const word = words + 3 * i;
        if (crc8_sensirion(word, 2) != word[2]) return kChecksum;
        values[i] = uint16_t(word[0] << 8 | word[1]);
    }
    return kReady;
}

}  // namespace

// -45 + 175 S / 65535 degrees; the offset is off by 0.15 counts, 0.0004 degrees. 100 S / 65535 %.
const SensorOf<2> sht31 PROGMEM = {{true, 20, nullptr, measure},
                                   {{"sht31-t", "Cel", 35, 13107, -16852}, {"sht31-h", "%RH", 20, 13107, 0}}};

}  // namespace qcot
