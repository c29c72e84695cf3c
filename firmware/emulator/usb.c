#include "usb.h"

#include <termios.h>

#include "avr_usb.h"
#include "fail.h"

enum { FRAME_US = 250, DEBOUNCE = 100000 / FRAME_US, RECOVERY = 10000 / FRAME_US };  /* USB 2.0, 7.1.7 */
enum stage { NOTHING, SETUP, DATA, STATUS };
enum { ATTACHED, RESET, ADDRESS, LENGTH, CONFIGURATION, CONFIGURE, READY, BAUD, LINE };
enum { IS_IN = 0x80, BULK = 2, ENDPOINT = 5, TOUCH_BAUD = 1200, USUAL_BAUD = 500000 };

static void begin(struct usb *usb, uint8_t type, uint8_t request, uint16_t value, uint16_t length) {
    usb->request[0] = type;
    usb->request[1] = request;
    usb->request[2] = (uint8_t)value;
    usb->request[3] = (uint8_t)(value >> 8);
    usb->request[4] = usb->request[5] = 0;
    usb->request[6] = (uint8_t)length;
    usb->request[7] = (uint8_t)(length >> 8);
    usb->size = length;
    usb->done = 0;
    usb->stage = SETUP;
}

/* One packet. False when the board is not ready for it; a board that refuses is told by name. */
static bool packet(struct usb *usb, uint32_t how, uint8_t pipe, uint8_t *bytes, uint32_t *size) {
    struct avr_io_usb transfer = {.pipe = pipe, .sz = *size, .buf = bytes};
    int result = avr_ioctl(usb->avr, how, &transfer);
    if (result == AVR_IOCTL_USB_STALL) fail("the board refuses the USB request %02x %02x", usb->request[0], usb->request[1]);
    if (result == AVR_IOCTL_USB_OK) *size = transfer.sz;
    return result == AVR_IOCTL_USB_OK;
}

/* One stage of the control transfer under way; true when it has ended. */
static bool go_on(struct usb *usb) {
    bool in = usb->request[0] & IS_IN;
    uint8_t bytes[USB_PACKET];
    uint32_t size = sizeof usb->request;
    switch (usb->stage) {
        case SETUP:
            if (packet(usb, AVR_IOCTL_USB_SETUP, 0, usb->request, &size)) usb->stage = usb->size ? DATA : STATUS;
            return false;
        case DATA:
            size = usb->size - usb->done < USB_PACKET ? usb->size - usb->done : USB_PACKET;
            if (in) {
                size = 0;
                if (!packet(usb, AVR_IOCTL_USB_READ, IS_IN, bytes, &size)) return false;
                if (usb->done + size > usb->size || usb->done + size > sizeof usb->data) fail("the board answers more than it was asked");
                memcpy(usb->data + usb->done, bytes, size);
            } else if (!packet(usb, AVR_IOCTL_USB_WRITE, 0, usb->data + usb->done, &size)) {
                return false;
            }
            usb->done += size;
            if (usb->done == usb->size || (in && size < USB_PACKET)) usb->stage = STATUS;
            return false;
        case STATUS:
            size = 0;
            if (!packet(usb, in ? AVR_IOCTL_USB_WRITE : AVR_IOCTL_USB_READ, in ? 0 : IS_IN, bytes, &size)) return false;
            usb->stage = NOTHING;
            return true;
        default:
            return true;
    }
}

static void find_endpoints(struct usb *usb) {
    for (unsigned at = 0; at + 7 <= usb->done && usb->data[at]; at += usb->data[at]) {
        const uint8_t *found = usb->data + at;
        if (found[1] != ENDPOINT || (found[3] & 3) != BULK) continue;
        if (found[2] & IS_IN) usb->in = found[2];
        else usb->out = found[2];
    }
    if (!usb->in || !usb->out) fail("the board's USB configuration has no serial port");
}

static uint32_t baud_of(const struct serial *serial) {
    struct termios settings;
    return serial->master >= 0 && !tcgetattr(serial->master, &settings) && cfgetospeed(&settings) == B1200 ? TOUCH_BAUD : USUAL_BAUD;
}

/* What a computer does next with a board that it has just found. */
static void enumerate(struct usb *usb) {
    switch (usb->step++) {
        case ATTACHED:
            avr_ioctl(usb->avr, AVR_IOCTL_USB_RESET, NULL);
            usb->wait = RECOVERY;
            break;
        case RESET: begin(usb, 0x80, 6, 1 << 8, 18); break;
        case ADDRESS: begin(usb, 0x00, 5, 1, 0); break;
        case LENGTH: begin(usb, 0x80, 6, 2 << 8, 9); break;
        case CONFIGURATION: begin(usb, 0x80, 6, 2 << 8, (uint16_t)(usb->data[2] | usb->data[3] << 8)); break;
        case CONFIGURE:
            find_endpoints(usb);
            begin(usb, 0x00, 9, 1, 0);
            break;
        case READY: {  /* until somebody opens or closes the port, or sets another speed */
            usb->step = READY;
            uint32_t baud = baud_of(usb->serial);
            if (baud != usb->baud) {
                const uint8_t coding[] = {(uint8_t)baud, (uint8_t)(baud >> 8), (uint8_t)(baud >> 16), 0, 0, 0, 8};
                memcpy(usb->data, coding, sizeof coding);
                usb->baud = baud;
                begin(usb, 0x21, 0x20, 0, sizeof coding);
            } else if (usb->listens != (usb->serial->openers > 0)) {
                usb->listens = usb->serial->openers > 0;
                begin(usb, 0x21, 0x22, usb->listens ? 3 : 0, 0);
            }
            break;
        }
    }
}

static void move(struct usb *usb) {
    struct serial *serial = usb->serial;
    uint32_t size = (uint32_t)(serial->in_head - serial->in_tail);
    if (size > USB_PACKET) size = USB_PACKET;
    uint8_t bytes[USB_PACKET];
    memcpy(bytes, serial->in + serial->in_tail, size);
    if (size && packet(usb, AVR_IOCTL_USB_WRITE, usb->out, bytes, &size)) serial->in_tail += size;
    if (serial->out_length + USB_PACKET > sizeof serial->out) return;  /* nobody reads: the board waits */
    size = 0;
    if (packet(usb, AVR_IOCTL_USB_READ, usb->in, bytes, &size))
        for (uint32_t i = 0; i < size; i++) serial_hear(serial, bytes[i]);
}

static avr_cycle_count_t on_frame(avr_t *avr, avr_cycle_count_t when, void *param) {
    struct usb *usb = param;
    if (usb->wait) usb->wait--;
    else if (go_on(usb)) enumerate(usb);
    if (usb->step == READY) move(usb);
    return when + avr->frequency / 1000000 * FRAME_US;
}

static void on_attach(avr_irq_t *irq, uint32_t value, void *param) {
    (void)irq;
    struct usb *usb = param;
    if (!value) return;
    usb_clear(usb);
    usb->wait = DEBOUNCE;
    avr_cycle_timer_register_usec(usb->avr, FRAME_US, on_frame, usb);
}

void usb_clear(struct usb *usb) {
    if (!usb->avr) return;
    *usb = (struct usb){.avr = usb->avr, .serial = usb->serial};
    avr_cycle_timer_cancel(usb->avr, on_frame, usb);
}

void usb_attach(struct usb *usb, avr_t *avr, struct serial *serial) {
    *usb = (struct usb){.avr = avr, .serial = serial};
    avr_irq_t *irq = avr_io_getirq(avr, AVR_IOCTL_USB_GETIRQ(), USB_IRQ_ATTACH);
    if (!irq) fail("%s has no USB", avr->mmcu);
    avr_irq_register_notify(irq, on_attach, usb);
}
