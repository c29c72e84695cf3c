/* A serial FRAM with 24-bit addresses on an Uno's SPI pins, CS on D10: what it is given it keeps, also without power. */
#include <stdbool.h>

#include "avr_ioport.h"
#include "avr_spi.h"
#include "devices.h"
#include "fail.h"
#include "image.h"
#include "sim_cycle_timers.h"

enum {
    WRSR = 1, WRITE, READ, WRDI, RDSR, WREN, RDID = 0x9f,
    WEL = 2,                       /* bit of the status register: a write is allowed */
    SELECT = 2, SELECT_PORT = 'B', /* D10 */
    LEAST = 1 << 10, MOST = 1 << 24,
};

struct fram {
    avr_t *avr;
    avr_spi_t *spi;
    uint8_t *memory;
    uint32_t size, address;
    uint64_t takes;                /* bytes that it still takes; then it answers, and keeps nothing new */
    bool selected, enabled;
    uint8_t command, answer;
    unsigned byte;                 /* of the transaction */
};

/* ---- the part ---- */

static const uint8_t IDENTITY[] = {0x04, 0x7f, 0x48, 0x03};  /* MB85RS2MT, data sheet, "RDID" */

/* One byte in; the byte that goes out meanwhile was decided before. */
static uint8_t shift(struct fram *fram, uint8_t in) {
    unsigned at = fram->byte++;
    if (at == 0) {
        fram->command = in;
        fram->address = 0;
        if (in == WREN) fram->enabled = true;
        if (in == WRDI) fram->enabled = false;
        return 0xff;
    }
    switch (fram->command) {
        case RDSR: return fram->enabled ? WEL : 0;
        case RDID: return at <= sizeof IDENTITY ? IDENTITY[at - 1] : 0;
        case READ: case WRITE: break;
        default: return 0xff;
    }
    if (at <= 3) {
        fram->address = fram->address << 8 | in;
        return 0xff;
    }
    uint8_t *cell = &fram->memory[fram->address++ % fram->size];
    if (fram->command == READ) return *cell;
    if (fram->enabled && fram->takes) {
        fram->takes--;
        *cell = in;
    }
    return 0xff;
}

static void on_select(avr_irq_t *irq, uint32_t value, void *param) {
    (void)irq;
    struct fram *fram = param;
    avr_ioport_state_t state;
    avr_ioctl(fram->avr, (uint32_t)AVR_IOCTL_IOPORT_GETSTATE(SELECT_PORT), &state);
    bool selected = !value && state.ddr >> SELECT & 1;  /* the pull-up of a pin that nobody drives */
    if (fram->selected && !selected && fram->command == WRITE) fram->enabled = false;
    if (selected && !fram->selected) fram->byte = fram->command = 0;
    fram->selected = selected;
}

/* ---- the bus: simavr takes 100 us for each byte, whatever the clock ---- */

static avr_cycle_count_t on_shifted(avr_t *avr, avr_cycle_count_t when, void *param) {
    (void)when;
    struct fram *fram = param;
    fram->spi->input_data_register = fram->answer;
    avr_raise_interrupt(avr, &fram->spi->spi);
    return 0;
}

static void on_data(avr_t *avr, avr_io_addr_t address, uint8_t value, void *param) {
    struct fram *fram = param;
    avr_spi_t *spi = fram->spi;
    avr->data[address] = value;
    avr_clear_interrupt(avr, &spi->spi);
    if (!avr_regbit_get(avr, spi->spe) || !avr_regbit_get(avr, spi->mstr)) return;
    unsigned rate = avr_regbit_get(avr, spi->spr[0]) | avr_regbit_get(avr, spi->spr[1]) << 1;
    static const unsigned DIVIDER[] = {4, 16, 64, 128};
    unsigned bit = avr_regbit_get(avr, spi->spr[2]) ? (rate == 3 ? 64 : DIVIDER[rate] / 2) : DIVIDER[rate];
    fram->answer = fram->selected ? shift(fram, value) : 0xff;
    avr_cycle_timer_register(avr, 8 * bit, on_shifted, fram);
}

/* ---- making ---- */

static uint64_t number(const char *name, const char *text) {
    char *end;
    unsigned long long value = strtoull(text, &end, 0);
    if (end == text || *end) fail("--device fram: expected a number for %s, got '%s'", name, text);
    return value;
}

bool fram_attach(const char *args, avr_t *avr) {
    if (strncmp(avr->mmcu, "atmega328", 9)) fail("--device fram: its pins are an ATmega328P's");
    struct fram *fram = calloc(1, sizeof *fram);
    char *text = strdup(args), *state = NULL;
    if (!fram || !text) fail("out of memory");
    *fram = (struct fram){.avr = avr, .size = 256 << 10, .takes = UINT64_MAX};
    const char *file = NULL;
    for (char *word = strtok_r(text, ",", &state); word; word = strtok_r(NULL, ",", &state)) {
        if (!strncmp(word, "file:", 5)) file = word + 5;
        else if (!strncmp(word, "size:", 5)) fram->size = (uint32_t)number("size", word + 5);
        else if (!strncmp(word, "takes:", 6)) fram->takes = number("takes", word + 6);
        else return false;
    }
    if (fram->size < LEAST || fram->size > MOST || (fram->size & (fram->size - 1)))
        fail("--device fram: expected a size that is a power of two from %d to %d", LEAST, MOST);
    fram->memory = image_map(file, fram->size, 0);
    for (avr_io_t *io = avr->io_port; io; io = io->next)
        if (!strcmp(io->kind, "spi")) fram->spi = (avr_spi_t *)io;
    if (!fram->spi) fail("%s has no SPI", avr->mmcu);
    avr_io_addr_t data = (avr_io_addr_t)AVR_DATA_TO_IO(fram->spi->r_spdr);
    avr->io[data].w.c = on_data;
    avr->io[data].w.param = fram;
    avr_irq_t *pins = avr_io_getirq(avr, (uint32_t)AVR_IOCTL_IOPORT_GETIRQ(SELECT_PORT), SELECT);
    avr_irq_register_notify(pins, on_select, fram);
    free(text);
    return true;
}
