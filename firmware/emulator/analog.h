/* The analog side: recorded signals on the ADC's inputs, and a log of what the board read. */
#ifndef ANALOG_H
#define ANALOG_H

#include <stdio.h>

#include "avr_adc.h"
#include "recording.h"
#include "sim_avr.h"

enum { ANALOG_INPUTS = 8, AVCC_MV = 5000 };  /* simavr 1.6 knows the inputs A0 to A7 */

struct analog {
    avr_t *avr;
    avr_adc_t *adc;
    struct recording inputs[ANALOG_INPUTS];
    FILE *log;  /* `cycle mux refs value`, a line for each conversion; or NULL */
};

void analog_attach(struct analog *analog, avr_t *avr);

/* This process is a fork of the board's: leave the log to the other one. */
void analog_part(struct analog *analog);

#endif
