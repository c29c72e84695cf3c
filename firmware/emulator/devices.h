/* Simulated devices on the board's pins, each by its name: `NAME` or `NAME=ARGS`. */
#ifndef DEVICES_H
#define DEVICES_H

#include "sim_avr.h"

/* A device's name, what its ARGS are (for --help), and how it is connected; `args` is "" when none were given. attach gives up
 * (fail.h) naming what it expected. */
struct device {
    const char *name, *usage;
    void (*attach)(const char *args, avr_t *avr);
};

/* Connect what `spec` names to the board that `avr` is in (avr->custom.data). -1: there is no device of that name. */
int device_attach(const char *spec, avr_t *avr);

/* All of them, ended by a NULL name. */
extern const struct device DEVICES[];

#endif
