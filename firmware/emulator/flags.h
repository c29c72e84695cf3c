/* Interrupt flags of ADC and timers, as a chip keeps them: one that was set while its interrupt was off fires as soon as it is on;
 * a 1 that is written to a flag clears it, a 0 leaves it. simavr forgets the first, and of the ADC stores what is written. */
#ifndef FLAGS_H
#define FLAGS_H

#include "sim_avr.h"

void flags_attach(avr_t *avr);

#endif
