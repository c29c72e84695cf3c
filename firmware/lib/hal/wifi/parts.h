// What an ESP32, a Pico W and an UNO R4 WiFi have, by the names that their Arduino cores give it.
// Written against the documentation of those cores; not built by this project's own checks (docs/boards.md).
#pragma once
#pragma GCC system_header  // other people's headers would not pass this project's warnings

#include <Arduino.h>
#include <EEPROM.h>
#include <Wire.h>

#if defined(ARDUINO_ARCH_ESP32)
#include <WiFi.h>
#include <esp_ota_ops.h>
#include <esp_random.h>
#elif defined(ARDUINO_ARCH_RP2040)
#include <WiFi.h>
#else
#include <WDT.h>
#include <WiFiS3.h>
#endif

namespace qcot {
namespace hal {

#if defined(ARDUINO_ARCH_ESP32)
// ADC1 alone: ADC2 does not work beside Wi-Fi.
constexpr uint8_t kInputPins[] = {36, 39, 34, 35, 32, 33};
constexpr uint8_t kLedPin = 2, kErasePin = 12, kOnewirePin = 4, kPulsePin = 27;
#elif defined(ARDUINO_ARCH_RP2040)
constexpr uint8_t kInputPins[] = {26, 27, 28};
constexpr uint8_t kLedPin = LED_BUILTIN, kErasePin = 12, kOnewirePin = 15, kPulsePin = 14;
#else
constexpr uint8_t kInputPins[] = {A0, A1, A2, A3, A4, A5};
constexpr uint8_t kLedPin = LED_BUILTIN, kErasePin = 12, kOnewirePin = 4, kPulsePin = 2;
#endif

// The cable and the network, in line.cpp.
void line_begin();
void line_poll();

}  // namespace hal
}  // namespace qcot
