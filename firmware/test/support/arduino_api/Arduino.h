// What hal/wifi uses of the Arduino API, as the cores' documentation declares it: enough for a compiler to check types and names
// here, where those cores are not. It proves nothing about the cores or the boards.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LOW, HIGH, INPUT, OUTPUT, INPUT_PULLUP, FALLING };
enum : uint8_t { A0 = 14, A1, A2, A3, A4, A5, LED_BUILTIN = 13 };

void pinMode(int pin, int mode);
void digitalWrite(int pin, int level);
int digitalRead(int pin);
int analogRead(int pin);
void analogReadResolution(int bits);
unsigned long millis();
unsigned long micros();
void delay(unsigned long ms);
void delayMicroseconds(unsigned us);
void noInterrupts();
void interrupts();
int digitalPinToInterrupt(int pin);
void attachInterrupt(int interrupt, void (*handler)(), int mode);
void detachInterrupt(int interrupt);

struct SerialStub {
    void begin(unsigned long baud);
    int available();
    int read();
    size_t write(uint8_t byte);
    size_t write(const uint8_t* data, size_t size);
};
extern SerialStub Serial;

#if defined(ARDUINO_ARCH_ESP32)
struct EspStub {
    void restart();
    uint32_t getSketchSize();
    uint32_t getFreeHeap();
};
extern EspStub ESP;
void enableLoopWDT();
void feedLoopWDT();
#elif defined(ARDUINO_ARCH_RP2040)
struct Rp2040Stub {
    void reboot();
    void wdt_begin(uint32_t ms);
    void wdt_reset();
    int getFreeHeap();
    uint32_t hwrand32();
};
extern Rp2040Stub rp2040;
#else
extern "C" void NVIC_SystemReset();
#endif
