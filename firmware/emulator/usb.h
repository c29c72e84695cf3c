/* The host's end of a board that is a USB device itself: it enumerates the board as a computer would, and puts the bulk
 * endpoints of its serial port (CDC ACM) onto ours. */
#ifndef USB_H
#define USB_H

#include <stdbool.h>
#include <stdint.h>

#include "serial.h"
#include "sim_avr.h"

enum { USB_PACKET = 64 };

struct usb {
    avr_t *avr;  /* NULL: the board has a UART */
    struct serial *serial;
    unsigned step;       /* of the enumeration */
    unsigned wait;       /* frames until it goes on */
    uint8_t stage;       /* of the control transfer under way */
    uint8_t request[8], data[256];
    unsigned size, done; /* of `data` */
    uint8_t in, out;     /* bulk endpoints, from the descriptor; 0: not known yet */
    bool listens;        /* DTR as the board was told it */
    uint32_t baud;
};

void usb_attach(struct usb *usb, avr_t *avr, struct serial *serial);

/* The chip was reset: it is not on the bus until its program says so. */
void usb_clear(struct usb *usb);

#endif
