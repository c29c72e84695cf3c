/* An SHT31 on the I2C bus, which it can be made to hold. */
#include "i2c.h"

enum { FREEING_CLOCKS = 9 };

static struct sht31 part;
static avr_t *chip;
static unsigned clocks;

static bool called(bool reads) {
    if (!reads) sht31_begin(&part);
    return sht31_called(&part, reads, device_us(chip));
}

static bool take(uint8_t byte) { return sht31_take(&part, byte, device_us(chip)); }
static uint8_t give(void) { return sht31_give(&part); }
static void clocked(void) { clocks++; }

static bool holds(void) {
    if (part.fault == FAULT_STUCK) return clocks < FREEING_CLOCKS;
    if (part.ready_us) return false;  /* a start that is to read */
    /* Whether the bus is held in the measurement that would begin. */
    struct script ahead = part.script;
    enum part_fault next = script_begin(&ahead);
    if (next != FAULT_HELD && next != FAULT_STUCK) return false;
    part.script = ahead;
    part.fault = next;
    clocks = 0;
    return true;
}

bool sht31_attach(const char *args, avr_t *avr) {
    static const struct i2c_slave SLAVE = {SHT31_ADDRESS, called, take, give, holds, clocked};
    if (!sht31_make(&part, args)) return false;
    chip = avr;
    i2c_attach(&SLAVE);
    return true;
}
