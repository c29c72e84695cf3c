#include "analog.h"

#include <string.h>

#include "fail.h"

enum { TEMPERATURE_MV = 382 };  /* 25 degrees on the line count = 1.22 t + 324.31, typical of the ATmega328P */

/* What simavr's ADC will make of `millivolts` under the reference that the program chose. */
static unsigned converted(const struct analog *analog, unsigned refs, uint32_t millivolts) {
    const avr_t *avr = analog->avr;
    uint32_t reference = analog->adc->ref_values[refs];
    if (reference == ADC_VREF_AREF) reference = avr->aref;
    else if (reference == ADC_VREF_VCC) reference = avr->vcc;
    else if (reference == ADC_VREF_AVCC) reference = avr->avcc;
    uint32_t count = millivolts * ADC_MAX / reference;
    return count > ADC_MAX ? ADC_MAX : count;
}

/* Which pin A0, A1 ... an input of the ADC is; the Leonardo's are in another order. */
static unsigned pin_of(const struct analog *analog, unsigned input) {
    static const unsigned LEONARDO[ANALOG_INPUTS] = {5, 4, 7, 6, 3, 2, 1, 0};  /* ADC2 and ADC3 are not there */
    return strcmp(analog->avr->mmcu, "atmega32u4") ? input : LEONARDO[input];
}

/* A conversion starts: sample and hold. */
static void on_start(avr_irq_t *irq, uint32_t value, void *param) {
    (void)irq;
    struct analog *analog = param;
    avr_t *avr = analog->avr;
    union { uint32_t raw; avr_adc_mux_t mux; } chosen = {.raw = value};
    unsigned refs = avr_regbit_get_array(avr, analog->adc->ref, 3);
    unsigned mux = avr_regbit_get_array(avr, analog->adc->mux, 6);
    uint32_t millivolts = 0;
    if (chosen.mux.kind == ADC_MUX_SINGLE && chosen.mux.src < ANALOG_INPUTS) {
        mux = pin_of(analog, chosen.mux.src);
        const struct recording *recording = &analog->inputs[mux];
        /* Rounded up: the ADC rounds down, and 1 mV is less than a quarter of a count, so it gives back the very count. */
        if (recording->length) millivolts = (recording_at(recording, avr->cycle) * AVCC_MV + ADC_MAX - 1) / ADC_MAX;
        avr_raise_irq(analog->adc->io.irq + ADC_IRQ_ADC0 + chosen.mux.src, millivolts);
    } else if (chosen.mux.kind == ADC_MUX_TEMP) {
        millivolts = TEMPERATURE_MV;
    } else if (chosen.mux.kind == ADC_MUX_REF) {
        millivolts = chosen.mux.src;
    }
    if (!analog->log) return;
    unsigned count = converted(analog, refs, millivolts);
    if (fprintf(analog->log, "%llu %u %u %u\n", (unsigned long long)avr->cycle, mux, refs, count) < 0)
        fail("--adc-log: %s", strerror(errno));  /* a log with a gap would bear false witness */
}

void analog_attach(struct analog *analog, avr_t *avr) {
    analog->avr = avr;
    for (avr_io_t *io = avr->io_port; io; io = io->next)
        if (!strcmp(io->kind, "adc")) analog->adc = (avr_adc_t *)io;
    if (!analog->adc) fail("%s has no ADC", avr->mmcu);
    avr_raise_irq(analog->adc->io.irq + ADC_IRQ_TEMP, TEMPERATURE_MV);
    avr_irq_register_notify(analog->adc->io.irq + ADC_IRQ_OUT_TRIGGER, on_start, analog);
    if (analog->log) setvbuf(analog->log, NULL, _IOLBF, 4096);  /* complete at any time */
}

void analog_part(struct analog *analog) {
    if (analog->log) fclose(analog->log);
    analog->log = NULL;
}
