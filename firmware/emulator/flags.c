#include "flags.h"

#include <stdlib.h>

#include "avr_adc.h"
#include "avr_timer.h"
#include "fail.h"
#include "sim_interrupts.h"

enum { MOST_REGISTERS = 8, MOST_VECTORS = 8 };

/* A register that turns interrupts on. */
struct enabler {
    avr_io_addr_t address;
    unsigned count;
    avr_int_vector_t *vectors[MOST_VECTORS];
    avr_io_write_t write;  /* simavr's own handler, if any, behind ours */
    void *param;
};

static void on_write(avr_t *avr, avr_io_addr_t address, uint8_t value, void *param) {
    struct enabler *enabler = param;
    uint8_t flags = 0, kept = 0;
    for (unsigned i = 0; i < enabler->count; i++) {
        avr_regbit_t flag = enabler->vectors[i]->raised;
        if (flag.reg != address) continue;
        flags |= (uint8_t)(1 << flag.bit);
        if (value >> flag.bit & 1) avr_clear_interrupt(avr, enabler->vectors[i]);
        else kept |= (uint8_t)(avr->data[address] & 1 << flag.bit);
    }
    if (enabler->write) enabler->write(avr, address, value, enabler->param);
    else avr->data[address] = value;
    avr->data[address] = (uint8_t)((avr->data[address] & ~flags) | kept);
    for (unsigned i = 0; i < enabler->count; i++) {
        avr_int_vector_t *vector = enabler->vectors[i];
        if (!vector->pending && avr_regbit_get(avr, vector->enable) && avr_regbit_get(avr, vector->raised))
            avr_raise_interrupt(avr, vector);
    }
}

static void add(avr_t *avr, struct enabler enablers[MOST_REGISTERS], avr_int_vector_t *vector) {
    if (!vector->vector || !vector->enable.reg) return;
    struct enabler *enabler = enablers;
    while (enabler->address && enabler->address != vector->enable.reg) enabler++;
    if (enabler == enablers + MOST_REGISTERS - 1 || enabler->count == MOST_VECTORS) fail("%s has too many timers", avr->mmcu);
    if (!enabler->address) {
        enabler->address = (avr_io_addr_t)vector->enable.reg;
        avr_io_addr_t at = (avr_io_addr_t)AVR_DATA_TO_IO(enabler->address);
        enabler->write = avr->io[at].w.c;
        enabler->param = avr->io[at].w.param;
        avr->io[at].w.c = on_write;
        avr->io[at].w.param = enabler;
    }
    enabler->vectors[enabler->count++] = vector;
}

void flags_attach(avr_t *avr) {
    struct enabler *enablers = calloc(MOST_REGISTERS, sizeof *enablers);  /* for as long as the chip */
    if (!enablers) fail("out of memory");
    for (avr_io_t *io = avr->io_port; io; io = io->next) {
        if (!strcmp(io->kind, "adc")) add(avr, enablers, &((avr_adc_t *)io)->adc);
        if (strcmp(io->kind, "timer")) continue;
        avr_timer_t *timer = (avr_timer_t *)io;
        add(avr, enablers, &timer->overflow);
        for (int i = 0; i < AVR_TIMER_COMP_COUNT; i++) add(avr, enablers, &timer->comp[i].interrupt);
    }
}
