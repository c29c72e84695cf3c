/* The board's UART on a pseudo-terminal: what a USB cable is to a real board. */
#ifndef SERIAL_H
#define SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim_avr.h"

enum { STEP_BYTES = 512 };  /* what the board may say in one step */

struct serial {
    avr_t *avr;
    avr_irq_t *uart;
    const char *link;  /* symbolic link to the port, or NULL */
    FILE *log;         /* `cycle byte`, a line for each byte that the board says; or NULL */
    char name[64];
    int master;        /* -1 while unplugged */
    int watch;         /* inotify on the port: it tells of each open and close, however quick */
    unsigned openers;
    bool was_open;     /* opened since it was plugged in */
    bool unheard;      /* somebody has the port, and it is not known since when */
    bool ready;        /* the UART's input has room (XON) */
    bool stops_at_zero;  /* there is no port; steps end with each frame that the board says */
    bool stopped;
    uint8_t in[4096], out[4096];
    size_t in_head, in_tail, out_length;
};

void serial_attach(struct serial *serial, avr_t *avr, const char *link, FILE *log);

/* Make the port, and take it away so that its users see a hang-up. */
void serial_plug(struct serial *serial);
void serial_unplug(struct serial *serial);

/* The board lost its power or was reset: what was under way on the wire is gone. */
void serial_clear(struct serial *serial);

/* A byte that the board says. */
void serial_hear(struct serial *serial, uint8_t value);

/* Let a step end here. */
void serial_stop(struct serial *serial);

/* Without a port: put bytes on the line to the board; false when there is no room. What it says is in `out`. */
bool serial_feed(struct serial *serial, const uint8_t *bytes, size_t length);

/* This process is a fork of the board's: leave port and log to the other one. */
void serial_part(struct serial *serial);

/* Move bytes both ways; true when the port was opened since the last call. */
bool serial_poll(struct serial *serial);

/* What to wait on for input: -1 when nobody can send or there is no room. */
int serial_wait_fd(const struct serial *serial);

#endif
