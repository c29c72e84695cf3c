#include "serial.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

#include "avr_uart.h"
#include "fail.h"

static void pump(struct serial *serial) {
    while (serial->ready && serial->in_head != serial->in_tail)
        avr_raise_irq(serial->uart + UART_IRQ_INPUT, serial->in[serial->in_tail++]);
}

static void on_xon(avr_irq_t *irq, uint32_t value, void *param) {
    (void)irq;
    struct serial *serial = param;
    if (value && !serial->ready) {
        serial->ready = true;
        pump(serial);
    }
}

static void on_xoff(avr_irq_t *irq, uint32_t value, void *param) {
    (void)irq;
    if (value) ((struct serial *)param)->ready = false;
}

void serial_stop(struct serial *serial) {
    serial->stopped = true;
    serial->avr->run_cycle_count = 0;  /* at the next instruction */
}

void serial_hear(struct serial *serial, uint8_t value) {
    if (serial->log && fprintf(serial->log, "%llu %u\n", (unsigned long long)serial->avr->cycle, value) < 0)
        fail("--uart-log: %s", strerror(errno));
    bool heard = serial->openers || serial->stops_at_zero;
    if (heard && serial->out_length < sizeof serial->out) serial->out[serial->out_length++] = value;
    if (serial->stops_at_zero && (!value || serial->out_length == STEP_BYTES)) serial_stop(serial);
}

/* A real UART sends whether anybody listens or not. */
static void on_output(avr_irq_t *irq, uint32_t value, void *param) {
    (void)irq;
    serial_hear(param, (uint8_t)value);
}

void serial_attach(struct serial *serial, avr_t *avr, const char *link, FILE *log) {
    *serial = (struct serial){.avr = avr, .link = link, .log = log, .master = -1, .watch = -1};
    if (log) setvbuf(log, NULL, _IOLBF, 4096);  /* complete at any time */
    serial->uart = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), 0);
    if (!serial->uart) return;  /* a board whose line is USB: usb.c moves the bytes */
    uint32_t flags = 0;  /* no printing of lines, no naps */
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    avr_irq_register_notify(serial->uart + UART_IRQ_OUTPUT, on_output, serial);
    avr_irq_register_notify(serial->uart + UART_IRQ_OUT_XON, on_xon, serial);
    avr_irq_register_notify(serial->uart + UART_IRQ_OUT_XOFF, on_xoff, serial);
}

static bool hung_up(const struct serial *serial) {
    struct pollfd state = {.fd = serial->master};
    return poll(&state, 1, 0) > 0 && (state.revents & POLLHUP);
}

static void watch(struct serial *serial) {
    serial->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (serial->watch < 0 || inotify_add_watch(serial->watch, serial->name, IN_OPEN | IN_CLOSE) < 0)
        fail("%s: cannot be watched: %s", serial->name, strerror(errno));
}

/* Throw away what the board said and nobody read: the kernel would keep it for whoever opens the port next. */
static void flush(struct serial *serial) {
    close(serial->watch);  /* our own open is not to be seen */
    int slave = open(serial->name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (slave >= 0) {
        tcflush(slave, TCIFLUSH);
        close(slave);
    }
    watch(serial);
}

void serial_plug(struct serial *serial) {
    if (serial->master >= 0 || serial->stops_at_zero) return;
    serial->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (serial->master < 0 || grantpt(serial->master) || unlockpt(serial->master) ||
        ptsname_r(serial->master, serial->name, sizeof serial->name))
        fail("cannot make a pseudo-terminal: %s", strerror(errno));
    struct termios settings;
    tcgetattr(serial->master, &settings);
    cfmakeraw(&settings);
    tcsetattr(serial->master, TCSANOW, &settings);
    serial->openers = 0;
    serial->was_open = serial->unheard = false;
    watch(serial);
    if (serial->link) {
        unlink(serial->link);
        if (symlink(serial->name, serial->link)) fail("%s: %s", serial->link, strerror(errno));
    }
}

void serial_unplug(struct serial *serial) {
    if (serial->master < 0) return;
    if (serial->link) unlink(serial->link);
    close(serial->watch);
    close(serial->master);
    serial->master = serial->watch = -1;
    serial->openers = 0;
    serial_clear(serial);
}

void serial_clear(struct serial *serial) {
    serial->in_head = serial->in_tail = serial->out_length = 0;
    serial->ready = false;  /* until the program turns its receiver on */
}

bool serial_feed(struct serial *serial, const uint8_t *bytes, size_t length) {
    if (serial->in_head == serial->in_tail) serial->in_head = serial->in_tail = 0;
    if (length > sizeof serial->in - serial->in_head) return false;
    memcpy(serial->in + serial->in_head, bytes, length);
    serial->in_head += length;
    pump(serial);
    return true;
}

void serial_part(struct serial *serial) {
    if (serial->log) fclose(serial->log);
    if (serial->master >= 0) {
        close(serial->watch);
        close(serial->master);
    }
    serial->log = NULL;
    serial->link = NULL;
    serial->master = serial->watch = -1;
    serial->openers = 0;
    serial_clear(serial);
}

/* Follow who has the port open. DTR rises with the first opener, as Linux does it. */
static bool note_openers(struct serial *serial) {
    _Alignas(struct inotify_event) char events[1024];
    bool opened = false, closed = false;
    ssize_t length;
    while ((length = read(serial->watch, events, sizeof events)) > 0)
        for (char *at = events; at < events + length; at += sizeof(struct inotify_event) + ((struct inotify_event *)at)->len) {
            if (((struct inotify_event *)at)->mask & IN_OPEN) {
                if (!serial->unheard) serial->openers++;  /* else they are counted */
                opened |= serial->unheard || serial->openers == 1;
                serial->unheard = false;
            } else if (serial->openers) {
                closed |= --serial->openers == 0;
            }
        }
    serial->was_open |= opened;
    if (!serial->was_open) return false;
    if (hung_up(serial)) {
        serial->openers = 0;
        serial->unheard = false;
    } else if (!serial->openers) {
        /* Somebody has it all the same: who has just opened it, and will be heard of, or who was there already, of whom the
         * kernel said nothing, since it merges like events. */
        serial->openers = 1;
        serial->unheard = true;
    }
    if (opened || (closed && !serial->unheard)) {
        flush(serial);
        serial->out_length = 0;
        if (!serial->openers && !hung_up(serial)) {  /* opened while we flushed */
            serial->openers = 1;
            serial->unheard = opened = true;
        }
    }
    return opened;
}

bool serial_poll(struct serial *serial) {
    if (serial->master < 0) return false;
    bool opened = note_openers(serial);
    if (serial->in_head == serial->in_tail) serial->in_head = serial->in_tail = 0;
    if (serial->was_open && serial->in_head < sizeof serial->in) {
        ssize_t got = read(serial->master, serial->in + serial->in_head, sizeof serial->in - serial->in_head);
        if (got > 0) serial->in_head += (size_t)got;
    }
    if (serial->openers) {
        /* A host that does not read loses bytes; it never holds up the board. */
        if (serial->out_length && write(serial->master, serial->out, serial->out_length) < 0 && errno != EAGAIN && errno != EIO)
            fail("%s: %s", serial->name, strerror(errno));
    }
    serial->out_length = 0;
    pump(serial);
    return opened;
}

int serial_wait_fd(const struct serial *serial) {
    return serial->openers && serial->in_head < sizeof serial->in ? serial->master : -1;
}
