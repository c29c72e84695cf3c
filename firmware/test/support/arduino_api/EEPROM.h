#pragma once
#include <stddef.h>
#include <stdint.h>

struct EepromStub {
    bool begin(size_t size);
    uint8_t read(int at);
    void write(int at, uint8_t value);
    bool commit();
};
extern EepromStub EEPROM;
