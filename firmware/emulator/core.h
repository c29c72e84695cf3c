/* The chip's instructions, faster than by simavr's own core: the linker puts this in the place of avr_run_one. */
#ifndef CORE_H
#define CORE_H

#include "sim_avr.h"

/* simavr's, which runs what this leaves to it; both give the same state after the same cycles. */
avr_flashaddr_t __real_avr_run_one(avr_t *avr);
avr_flashaddr_t __wrap_avr_run_one(avr_t *avr);

#endif
