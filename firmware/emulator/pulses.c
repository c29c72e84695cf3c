/* A source of pulses on D2, an open collector: begins 100 ms after the program has switched its pull-up on. */
#include "avr_ioport.h"
#include "devices.h"

enum { BEGIN_US = 100000, LOW_US = 40, GLITCH_US = 3 };

static struct {
    avr_t *avr;
    const char *name;
    struct pin pin;
    int32_t hertz, left, glitches;
    int32_t glitches_left;
    bool begun;
} source;

static void set(char level) { board_drive(source.avr->custom.data, source.name, level); }

static avr_cycle_count_t glitch_fall(avr_t *avr, avr_cycle_count_t when, void *param);

static avr_cycle_count_t rise(avr_t *avr, avr_cycle_count_t when, void *param) {
    (void)when, (void)param;
    set('1');
    if (source.glitches_left-- > 0) avr_cycle_timer_register_usec(avr, GLITCH_US, glitch_fall, NULL);
    return 0;
}

static avr_cycle_count_t glitch_fall(avr_t *avr, avr_cycle_count_t when, void *param) {
    (void)when, (void)param;
    set('0');
    avr_cycle_timer_register_usec(avr, GLITCH_US, rise, NULL);
    return 0;
}

static avr_cycle_count_t fall(avr_t *avr, avr_cycle_count_t when, void *param) {
    (void)param;
    if (source.left == 0) return 0;
    source.left--;
    source.glitches_left = source.glitches;
    set('0');
    avr_cycle_timer_register_usec(avr, LOW_US, rise, NULL);
    return when + (avr_cycle_count_t)(CLOCK_HZ / source.hertz);
}

static void on_port(avr_irq_t *irq, uint32_t value, void *param) {
    (void)irq, (void)param;
    if (source.begun || !(value >> source.pin.bit & 1)) return;
    source.begun = true;
    avr_cycle_timer_register_usec(source.avr, BEGIN_US, fall, NULL);
}

/* What simavr had to do for us is forgotten. */
static void on_reset(avr_t *avr) {
    (void)avr;
    source.begun = false;
    set('1');
}

bool pulses_attach(const char *args, avr_t *avr) {
    static const int32_t DEFAULTS[] = {10, INT32_MAX, 0};
    struct script script;
    if (!script_read(&script, args, 3, DEFAULTS)) return false;
    const int32_t *row = script_row(&script);
    if (row[0] < 1 || row[0] > 20000 || row[1] < 0 || row[2] < 0 || row[2] > 8) return false;
    source.avr = avr;
    source.name = "2";
    source.pin = is_mega(avr) ? (struct pin){'E', 4} : (struct pin){'D', 2};
    source.hertz = row[0];
    source.left = row[1];
    source.glitches = row[2];
    avr_irq_register_notify(avr_io_getirq(avr, (uint32_t)AVR_IOCTL_IOPORT_GETIRQ(source.pin.port), IOPORT_IRQ_REG_PORT), on_port, NULL);
    device_on_reset(avr, on_reset);
    set('1');
    return true;
}
