/* A BH1750 light sensor on the I2C bus: the example of docs/adding-a-sensor.md. */
#include "i2c.h"

enum { ADDRESS = 0x23, ONE_TIME = 0x20, MEASURE_US = 120000 };

static struct script script;
static avr_t *chip;
static uint64_t ready_us;
static unsigned given;

static bool called(bool reads) {
    given = 0;
    return !reads || (ready_us && device_us(chip) >= ready_us);
}

static bool take(uint8_t byte) {
    if (byte != ONE_TIME) return false;
    script_begin(&script);
    ready_us = device_us(chip) + MEASURE_US;
    return true;
}

static uint8_t give(void) { return (uint8_t)(script_row(&script)[0] >> (given++ ? 0 : 8)); }

bool bh1750_attach(const char *args, avr_t *avr) {
    static const int32_t DEFAULTS[] = {120};  /* 100 lx */
    static const struct i2c_slave SLAVE = {ADDRESS, called, take, give, NULL, NULL};
    if (!script_read(&script, args, 1, DEFAULTS)) return false;
    chip = avr;
    i2c_attach(&SLAVE);
    return true;
}
