/* The board's UART on a pseudo-terminal: what a USB cable is to a real board. */
#ifndef SERIAL_H
#define SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim_avr.h"

struct serial {
    avr_t *avr;
    avr_irq_t *uart;
    const char *link;  /* symbolic link to the port, or NULL */
    char name[64];
    int master;        /* -1 while unplugged */
    int watch;         /* inotify on the port: it tells of each open and close, however quick */
    unsigned openers;
    bool was_open;     /* opened since it was plugged in */
    bool ready;        /* the UART's input has room (XON) */
    uint8_t in[4096], out[4096];
    size_t in_head, in_tail, out_length;
};

void serial_attach(struct serial *serial, avr_t *avr, const char *link);

/* Make the port, and take it away so that its users see a hang-up. */
void serial_plug(struct serial *serial);
void serial_unplug(struct serial *serial);

/* The board lost its power or was reset: what was under way on the wire is gone. */
void serial_clear(struct serial *serial);

/* Move bytes both ways; true when the port was opened since the last call. */
bool serial_poll(struct serial *serial);

/* What to wait on for input: -1 when nobody can send or there is no room. */
int serial_wait_fd(const struct serial *serial);

#endif
