#if defined(ARDUINO) && !defined(__AVR__)

#include "chain/reading.h"
#include "hal/bus.h"
#include "hal/hal.h"
#include "hal/wifi/parts.h"
#include "sensors/channels.h"

namespace qcot {
namespace hal {
namespace {

constexpr uint16_t kStorageSize = 1024;
constexpr uint32_t kHungMs = 2000;

struct Slot {
    uint32_t period;  // us; 0 is off
    uint32_t due;
};
Slot slots[kAdcChannels];
uint32_t fed_at;
volatile uint32_t pulses;
bool wire_begun;

void restart() {
#if defined(ARDUINO_ARCH_ESP32)
    ESP.restart();
#elif defined(ARDUINO_ARCH_RP2040)
    rp2040.reboot();
#else
    NVIC_SystemReset();
#endif
}

// No timer here: a conversion is made when the loop comes round, and has the time when it was made.
void sample_due() {
    for (uint8_t i = 0; i < kAdcChannels; ++i) {
        Slot& slot = slots[i];
        if (!slot.period || int32_t(micros() - slot.due) < 0) continue;
        sampled({millis(), i, int32_t(analogRead(kInputPins[i]))});
        slot.due += slot.period;
        if (int32_t(micros() - slot.due) > 0) slot.due = uint32_t(micros() + slot.period);  // it came too late for the next one too
    }
}

}  // namespace

void begin(int, char**) {
    pinMode(kLedPin, OUTPUT);
    pinMode(kErasePin, INPUT_PULLUP);
    analogReadResolution(10);
#if defined(ARDUINO_ARCH_ESP32)
    EEPROM.begin(kStorageSize);
    enableLoopWDT();
#elif defined(ARDUINO_ARCH_RP2040)
    EEPROM.begin(kStorageSize);
    rp2040.wdt_begin(kHungMs);
#else
    WDT.begin(kHungMs);
#endif
    line_begin();
}

bool running() {
    if (millis() - fed_at >= kHungMs) restart();
    line_poll();
    sample_due();
    return true;
}

void idle(uint16_t ms) {
    if (ms) delay(1);
}

uint32_t millis() { return uint32_t(::millis()); }

void storage_read(uint16_t at, void* to, uint8_t size) {
    for (uint8_t i = 0; i < size; ++i) static_cast<uint8_t*>(to)[i] = EEPROM.read(at + i);
}

void storage_write(uint16_t at, const void* from, uint8_t size) {
    for (uint8_t i = 0; i < size; ++i) {
        const uint8_t byte = static_cast<const uint8_t*>(from)[i];
        if (EEPROM.read(at + i) != byte) EEPROM.write(at + i, byte);
    }
#if defined(ARDUINO_ARCH_ESP32) || defined(ARDUINO_ARCH_RP2040)
    EEPROM.commit();
#endif
}

uint32_t part_begin() { return 0; }
void part_read(uint32_t, void*, uint8_t) {}
bool part_write(uint32_t, const void*, uint8_t) { return false; }

#if defined(ARDUINO_ARCH_ESP32)
uint32_t image_size() { return ESP.getSketchSize(); }
void image_read(uint32_t at, uint8_t* to, uint8_t size) { esp_partition_read(esp_ota_get_running_partition(), at, to, size); }
#elif defined(ARDUINO_ARCH_RP2040)
extern "C" const uint8_t __flash_binary_start, __flash_binary_end;
uint32_t image_size() { return uint32_t(&__flash_binary_end - &__flash_binary_start); }
void image_read(uint32_t at, uint8_t* to, uint8_t size) { memcpy(to, &__flash_binary_start + at, size); }
#else
// The program's flash up to the end of what is copied into RAM from it.
extern "C" const uint8_t __ROM_Start, __etext, __data_start__, __data_end__;
uint32_t image_size() { return uint32_t(&__etext - &__ROM_Start) + uint32_t(&__data_end__ - &__data_start__); }
void image_read(uint32_t at, uint8_t* to, uint8_t size) { memcpy(to, &__ROM_Start + at, size); }
#endif

int16_t noise() {
#if defined(ARDUINO_ARCH_ESP32)
    return uint8_t(esp_random());  // of the radio, which is on
#elif defined(ARDUINO_ARCH_RP2040)
    return uint8_t(rp2040.hwrand32());
#else
    uint8_t byte = 0;
    for (uint8_t i = 0; i < 64; ++i) byte = uint8_t((byte << 1 | byte >> 7) ^ analogRead(kInputPins[i % 6]) ^ int(micros()));
    return byte;
#endif
}
void noise_end() {}

void entropy(uint8_t* to, uint8_t size) {
    while (size--) *to++ = uint8_t(noise());
}

void sample_every(uint8_t channel, uint32_t rate) {
    const uint32_t period = rate ? uint32_t((1000000000ull + rate / 2) / rate) : 0;
    slots[channel] = {period, uint32_t(micros() + period)};
}

bool erase_wanted() {
    constexpr uint8_t kHoldMs = 100;
    for (uint8_t i = 0; i < kHoldMs; ++i) {
        delay(1);
        if (digitalRead(kErasePin) != LOW) return false;
    }
    return true;
}

void watchdog_feed() {
    fed_at = millis();
#if defined(ARDUINO_ARCH_ESP32)
    feedLoopWDT();
#elif defined(ARDUINO_ARCH_RP2040)
    rp2040.wdt_reset();
#else
    WDT.refresh();
#endif
}

void led(bool on) { digitalWrite(kLedPin, on ? HIGH : LOW); }

uint16_t free_ram() {
#if defined(ARDUINO_ARCH_ESP32)
    const uint32_t left = ESP.getFreeHeap();
#elif defined(ARDUINO_ARCH_RP2040)
    const uint32_t left = uint32_t(rp2040.getFreeHeap());
#else
    const uint32_t left = UINT16_MAX;
#endif
    return uint16_t(left < UINT16_MAX ? left : UINT16_MAX);
}

// ---- what sensors hang on ----

int16_t i2c_write(uint8_t address, const uint8_t* bytes, uint8_t size) {
    if (!wire_begun) Wire.begin();
    wire_begun = true;
    Wire.beginTransmission(address);
    Wire.write(bytes, size);
    return Wire.endTransmission() == 0 ? int16_t(0) : kSilent;
}

int16_t i2c_read(uint8_t address, uint8_t* bytes, uint8_t size) {
    if (!wire_begun) Wire.begin();
    wire_begun = true;
    if (Wire.requestFrom(address, size) != size) return kSilent;
    while (size--) *bytes++ = uint8_t(Wire.read());
    return 0;
}

namespace {

void pull_low(uint16_t us) {
    pinMode(kOnewirePin, OUTPUT);
    digitalWrite(kOnewirePin, LOW);
    delayMicroseconds(us);
    pinMode(kOnewirePin, INPUT_PULLUP);
}

void count_pulse() { pulses = pulses + 1; }

}  // namespace

int16_t onewire_reset() {
    pinMode(kOnewirePin, INPUT_PULLUP);
    delayMicroseconds(10);
    if (digitalRead(kOnewirePin) == LOW) return kHeld;
    pull_low(500);
    delayMicroseconds(70);
    const bool answered = digitalRead(kOnewirePin) == LOW;
    delayMicroseconds(230);
    return answered ? int16_t(0) : kSilent;
}

bool onewire_slot(bool bit) {
    noInterrupts();
    pull_low(bit ? 3 : 60);
    delayMicroseconds(bit ? 9 : 2);
    const bool said = digitalRead(kOnewirePin) == HIGH;
    interrupts();
    delayMicroseconds(bit ? 55 : 5);
    return said;
}

void pulses_use(bool on) {
    pinMode(kPulsePin, INPUT_PULLUP);
    if (on) {
        attachInterrupt(digitalPinToInterrupt(kPulsePin), count_pulse, FALLING);
    } else {
        detachInterrupt(digitalPinToInterrupt(kPulsePin));
    }
}

uint32_t pulses_counted() { return pulses; }

}  // namespace hal
}  // namespace qcot

#endif
