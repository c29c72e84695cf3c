#include "i2c.h"

#include "avr_ioport.h"
#include "fail.h"

enum {
    /* The same on all the chips of models.c. */
    TWBR = 0xb8, TWSR = 0xb9, TWDR = 0xbb, TWCR = 0xbc,
    TWINT = 1 << 7, TWEA = 1 << 6, TWSTA = 1 << 5, TWSTO = 1 << 4, TWEN = 1 << 2,
    PRESCALER = 3, IDLE = 0xf8,
    BYTE_BITS = 9,
    MOST_SLAVES = 4,
};

static struct {
    avr_t *avr;
    const struct i2c_slave *slaves[MOST_SLAVES];
    unsigned count;
    const struct i2c_slave *called;
    enum { STOPPED, STARTED, WRITING, READING } state;
    uint8_t next;  /* status, once what is under way has ended */
    bool clock_low;
    struct pin clock;
} bus;

static avr_cycle_count_t bits(unsigned count) {
    const uint8_t *data = bus.avr->data;
    return count * (16 + 2 * (avr_cycle_count_t)data[TWBR] * (1u << 2 * (data[TWSR] & PRESCALER)));
}

static void set_status(uint8_t status) {
    uint8_t *at = &bus.avr->data[TWSR];
    *at = (uint8_t)(status | (*at & PRESCALER));
}

static avr_cycle_count_t end_step(avr_t *avr, avr_cycle_count_t when, void *param) {
    (void)when, (void)param;
    set_status(bus.next);
    avr->data[TWCR] |= TWINT;
    return 0;
}

static avr_cycle_count_t end_stop(avr_t *avr, avr_cycle_count_t when, void *param) {
    (void)when, (void)param;
    avr->data[TWCR] &= (uint8_t)~TWSTO;
    return 0;
}

static void step(unsigned long_bits, uint8_t next) {
    bus.next = next;
    avr_cycle_timer_register(bus.avr, bits(long_bits), end_step, NULL);
}

static const struct i2c_slave *slave_at(uint8_t address) {
    for (unsigned i = 0; i < bus.count; i++)
        if (bus.slaves[i]->address == address) return bus.slaves[i];
    return NULL;
}

static void start(void) {
    for (unsigned i = 0; i < bus.count; i++)
        if (bus.slaves[i]->holds && bus.slaves[i]->holds()) return;  /* the flag never comes */
    step(2, bus.state == STOPPED ? 0x08 : 0x10);
    bus.state = STARTED;
}

/* Status codes: ATmega328P data sheet, tables 22-2 and 22-3. */
static void exchange(bool acknowledge) {
    uint8_t *byte = &bus.avr->data[TWDR];
    switch (bus.state) {
        case STOPPED: break;
        case STARTED: {
            bool reads = *byte & 1;
            bus.called = slave_at(*byte >> 1);
            if (bus.called && !bus.called->called(reads)) bus.called = NULL;
            bus.state = reads ? READING : WRITING;
            step(BYTE_BITS, (uint8_t)((reads ? 0x40 : 0x18) + (bus.called ? 0 : 8)));
            break;
        }
        case WRITING: step(BYTE_BITS, bus.called && bus.called->take(*byte) ? 0x28 : 0x30); break;
        case READING:
            *byte = bus.called ? bus.called->give() : 0xff;
            step(BYTE_BITS, acknowledge ? 0x50 : 0x58);
            break;
    }
}

static void on_control(avr_t *avr, avr_io_addr_t address, uint8_t value, void *param) {
    (void)param;
    bool acts = value & TWINT;
    avr->data[address] = acts ? value & (uint8_t)~TWINT : (uint8_t)(value | (avr->data[address] & TWINT));
    if (!(value & TWEN)) {
        avr->data[address] = value & (uint8_t)~TWINT;
        avr_cycle_timer_cancel(avr, end_step, NULL);
        bus.state = STOPPED;
        set_status(IDLE);
    } else if (acts && value & TWSTO) {
        bus.state = STOPPED;
        set_status(IDLE);
        avr_cycle_timer_register(avr, bits(1), end_stop, NULL);
    } else if (acts && value & TWSTA) {
        start();
    } else if (acts) {
        exchange(value & TWEA);
    }
}

static void on_direction(avr_irq_t *irq, uint32_t value, void *param) {
    (void)irq, (void)param;
    bool low = value >> bus.clock.bit & 1;
    for (unsigned i = 0; bus.clock_low && !low && i < bus.count; i++)
        if (bus.slaves[i]->clocked) bus.slaves[i]->clocked();
    bus.clock_low = low;
}

static void on_reset(avr_t *avr) {
    (void)avr;
    bus.state = STOPPED;
    bus.clock_low = false;
    set_status(IDLE);
}

void i2c_attach(const struct i2c_slave *slave) {
    if (bus.count == MOST_SLAVES) fail("--device: too many on I2C");
    bus.slaves[bus.count++] = slave;
}

void i2c_begin(avr_t *avr) {
    bus.avr = avr;
    bus.clock = is_mega(avr) ? (struct pin){'D', 0} : (struct pin){'C', 5};
    avr_io_addr_t at = (avr_io_addr_t)AVR_DATA_TO_IO(TWCR);
    avr->io[at].w.c = on_control;
    avr->io[at].w.param = NULL;
    pin_on_direction(avr, bus.clock, on_direction, NULL);
    device_on_reset(avr, on_reset);
}
