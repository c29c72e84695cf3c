// A Maxim DS18B20, alone on the 1-wire line and with a supply of its own: temperature in 1/16 degree.
#include "crc8.h"
#include "sensor.h"

namespace qcot {
namespace {

constexpr uint8_t kReset = 0x00;  // no command of the sensor's
constexpr uint8_t kSkipRom = 0xCC;
constexpr uint8_t kWriteScratchpad = 0x4E;
constexpr uint8_t kConvert = 0x44;
constexpr uint8_t kReadScratchpad = 0xBE;
constexpr uint8_t kTwelveBits = 0x7F;
// Its alarm registers forget this when it loses power: it would then say 85 degrees, under a good CRC.
constexpr uint8_t kMark[] = {0x51, 0x43};

constexpr uint8_t kScript[] PROGMEM = {kReset, kSkipRom, kWriteScratchpad, kMark[0], kMark[1],       kTwelveBits,
                                       kReset, kSkipRom, kConvert,         kReset,   kSkipRom,       kReadScratchpad};
constexpr uint8_t kScratchpad = 9;
constexpr int16_t kConvertMs = 750;
constexpr int16_t kAfterResetMs = 1;

uint16_t raw;
uint8_t crc;
bool marked;

uint8_t exchange(uint8_t byte) {
    uint8_t heard = 0;
    for (uint8_t bit = 0; bit < 8; ++bit) {
        heard = uint8_t(heard >> 1 | (hal::onewire_slot(byte & 1) ? 0x80 : 0));
        byte = uint8_t(byte >> 1);
    }
    return heard;
}

int16_t read(uint8_t at, int32_t* values) {
    const uint8_t byte = exchange(0xFF);
    if (at == 0) {
        crc = 0;
        marked = true;
    }
    crc = crc8_maxim(crc, byte);
    if (at < 2) raw = uint16_t(byte << 8 | raw >> 8);
    if (at == 2 || at == 3) marked = marked && byte == kMark[at - 2];
    if (at + 1 < kScratchpad) return 0;
    if (crc) return kChecksum;
    if (!marked) return kRestarted;
    *values = int16_t(raw);
    return kReady;
}

int16_t measure(uint8_t step, int32_t* values) {
    if (step >= sizeof kScript) return read(uint8_t(step - sizeof kScript), values);
    const uint8_t byte = pgm_read_byte(&kScript[step]);
    if (byte == kReset) {
        const int16_t fault = hal::onewire_reset();
        return fault ? fault : kAfterResetMs;
    }
    exchange(byte);
    return byte == kConvert ? kConvertMs : int16_t(0);
}

}  // namespace

const SensorOf<1> ds18b20 PROGMEM = {{false, 1000, nullptr, measure}, {{"ds18b20", "Cel", 1, 16, 0}}};

}  // namespace qcot
