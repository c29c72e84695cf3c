/* Simulated devices on the board's pins, each by its name: `NAME` or `NAME=ARGS`. What they say is lib/hal/posix/parts.h. */
#ifndef DEVICES_H
#define DEVICES_H

#include "board.h"
#include "hal/posix/parts.h"
#include "sim_avr.h"

/* A device's name, what its ARGS are, where it is, and how it is connected; `args` is "" when none were given. attach gives
 * false if it cannot make anything of them. */
struct device {
    const char *name, *usage, *where;
    bool (*attach)(const char *args, avr_t *avr);
};

/* Before any is connected: what a chip has even when nothing is. */
void devices_begin(avr_t *avr);

/* Connect what `spec` names to the board that `avr` is in (avr->custom.data). -1: there is no device of that name. Gives up
 * (fail.h) with the device's usage if its ARGS are wrong. */
int device_attach(const char *spec, avr_t *avr);

/* All of them, ended by a NULL name. */
extern const struct device DEVICES[];

/* What devices are made of. */

/* Call `hook` at each reset of the chip, after simavr has forgotten its timers and pins. */
void device_on_reset(avr_t *avr, void (*hook)(avr_t *));

/* The pin's port and bit: on the boards that a table knows by their chip ("D4" of the Uno is port D, bit 4). */
struct pin {
    char port;
    uint8_t bit;
};

/* Whether the chip's driver of `pin` is on. */
bool pin_is_output(const avr_t *avr, struct pin pin);

/* Call `hook` with the port's direction register, as a value, whenever the program writes it. */
void pin_on_direction(avr_t *avr, struct pin pin, avr_irq_notify_t hook, void *param);

static inline uint64_t device_us(const avr_t *avr) { return avr->cycle / (CLOCK_HZ / 1000000); }

static inline bool is_mega(const avr_t *avr) { return !strcmp(avr->mmcu, "atmega2560"); }

bool sht31_attach(const char *args, avr_t *avr);
bool ds18b20_attach(const char *args, avr_t *avr);
bool pulses_attach(const char *args, avr_t *avr);
bool bh1750_attach(const char *args, avr_t *avr);
bool fram_attach(const char *args, avr_t *avr);

#endif
