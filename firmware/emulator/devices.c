#include "devices.h"

#include <string.h>

#include "avr_ioport.h"
#include "fail.h"
#include "i2c.h"

enum { MOST_HOOKS = 8 };

const struct device DEVICES[] = {
    {"sht31", PARTS_SHT31_USAGE, "I2C", sht31_attach},
    {"ds18b20", PARTS_DS18B20_USAGE, "1-wire, D4", ds18b20_attach},
    {"pulses", "HZ,COUNT,GLITCHES: 1 to 20000 a second, so many in all, at most 8 after each", "D2", pulses_attach},
    {"fram", "[file:PATH][,size:BYTES][,takes:BYTES]", "SPI, CS on D10: an Uno's", fram_attach},
    {"bh1750", "COUNTS of light, or file:CSV", "I2C", bh1750_attach},
    {NULL, NULL, NULL, NULL},
};

void devices_begin(avr_t *avr) { i2c_begin(avr); }

int device_attach(const char *spec, avr_t *avr) {
    size_t length = strcspn(spec, "=");
    for (const struct device *each = DEVICES; each->name; each++) {
        if (strlen(each->name) != length || strncmp(each->name, spec, length)) continue;
        if (!each->attach(spec[length] ? spec + length + 1 : "", avr)) fail("--device %s: expected %s=%s", spec, each->name, each->usage);
        return 0;
    }
    return -1;
}

static void (*before_hooks)(avr_t *);
static void (*hooks[MOST_HOOKS])(avr_t *);
static unsigned hook_count;

static void on_reset(avr_t *avr) {
    if (before_hooks) before_hooks(avr);
    for (unsigned i = 0; i < hook_count; i++) hooks[i](avr);
}

void device_on_reset(avr_t *avr, void (*hook)(avr_t *)) {
    if (avr->reset != on_reset) {
        before_hooks = avr->reset;
        avr->reset = on_reset;
    }
    if (hook_count == MOST_HOOKS) fail("--device: too many");
    hooks[hook_count++] = hook;
}

bool pin_is_output(const avr_t *avr, struct pin pin) {
    avr_ioport_state_t state;
    avr_ioctl((avr_t *)avr, (uint32_t)AVR_IOCTL_IOPORT_GETSTATE(pin.port), &state);
    return state.ddr >> pin.bit & 1;
}

void pin_on_direction(avr_t *avr, struct pin pin, avr_irq_notify_t hook, void *param) {
    avr_irq_t *irq = avr_io_getirq(avr, (uint32_t)AVR_IOCTL_IOPORT_GETIRQ(pin.port), IOPORT_IRQ_DIRECTION_ALL);
    avr_irq_register_notify(irq, hook, param);
}
