/* A DS18B20 on D4 with its pull-up: times the master's lows as the data sheet has them, and answers within a slot. */
#include "avr_ioport.h"
#include "devices.h"

enum {
    RESET_US = 480,
    PRESENCE_AFTER_US = 30,
    PRESENCE_US = 120,
    SAYS_ZERO_US = 30,
    HELD_US = 5000,
    ONE_MOST_US = 15,
    ZERO_LEAST_US = 60,
    ZERO_MOST_US = 120,
};

static struct {
    struct ds18b20 part;
    avr_t *avr;
    struct pin pin;
    const char *name;
    bool master_low;
    avr_cycle_count_t fell;
} line;

static void set(char level) { board_drive(line.avr->custom.data, line.name, level); }

static avr_cycle_count_t let_go(avr_t *avr, avr_cycle_count_t when, void *param) {
    (void)avr, (void)when, (void)param;
    set('1');
    return 0;
}

static avr_cycle_count_t say_presence(avr_t *avr, avr_cycle_count_t when, void *param) {
    (void)when, (void)param;
    set('0');
    avr_cycle_timer_register_usec(avr, PRESENCE_US, let_go, NULL);
    return 0;
}

static void on_fall(void) {
    line.fell = line.avr->cycle;
    if (ds18b20_says(&line.part, device_us(line.avr))) return;
    set('0');
    avr_cycle_timer_register_usec(line.avr, SAYS_ZERO_US, let_go, NULL);
}

static void on_rise(void) {
    uint64_t low = (line.avr->cycle - line.fell) / (CLOCK_HZ / 1000000);
    if (low < RESET_US) {
        /* Neither a one nor a zero by the data sheet: a real part might take it for either. */
        if (low > ZERO_MOST_US || (low > ONE_MOST_US && low < ZERO_LEAST_US))
            fprintf(stderr, "ds18b20: a slot was low for %llu us\n", (unsigned long long)low), line.part.state = DS_DEAF;
        ds18b20_slot(&line.part, low <= ONE_MOST_US, device_us(line.avr));
        return;
    }
    switch (ds18b20_reset(&line.part)) {
        case FAULT_ABSENT: break;
        case FAULT_HELD:
            set('0');
            avr_cycle_timer_register_usec(line.avr, HELD_US, let_go, NULL);
            break;
        default: avr_cycle_timer_register_usec(line.avr, PRESENCE_AFTER_US, say_presence, NULL);
    }
}

static void on_direction(avr_irq_t *irq, uint32_t value, void *param) {
    (void)irq, (void)param;
    bool low = value >> line.pin.bit & 1;
    if (low == line.master_low) return;
    line.master_low = low;
    if (low) on_fall();
    else on_rise();
}

static void on_reset(avr_t *avr) {
    (void)avr;
    line.master_low = false;
    set('1');
}

bool ds18b20_attach(const char *args, avr_t *avr) {
    if (!ds18b20_make(&line.part, args)) return false;
    line.avr = avr;
    line.name = "4";
    line.pin = is_mega(avr) ? (struct pin){'G', 5} : (struct pin){'D', 4};
    pin_on_direction(avr, line.pin, on_direction, NULL);
    device_on_reset(avr, on_reset);
    set('1');
    return true;
}
