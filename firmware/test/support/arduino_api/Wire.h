#pragma once
#include <stddef.h>
#include <stdint.h>

struct WireStub {
    void begin();
    void beginTransmission(uint8_t address);
    size_t write(const uint8_t* data, size_t size);
    uint8_t endTransmission();
    uint8_t requestFrom(uint8_t address, uint8_t size);
    int read();
};
extern WireStub Wire;
