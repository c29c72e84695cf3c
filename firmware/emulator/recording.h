/* A recorded signal: ADC counts over time, from a CSV file. */
#ifndef RECORDING_H
#define RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ADC_MAX = 1023 };

struct recording {
    size_t length;
    uint64_t *start;  /* cycle from which a sample holds, counted from the signal's own start */
    uint16_t *count;
    uint64_t period;  /* cycles after which it begins anew; 0: the last sample is held */
};

struct recording_format {
    bool volts;      /* values are volts of 0 to 5, else counts of 0 to 1023 */
    bool once;
    double rate;     /* samples a second, for files of one column */
    double frequency;
};

/* Read `count` or `seconds,count` lines, a header line allowed. Gives up naming file, line and what was expected. */
struct recording recording_read(const char *path, struct recording_format format);

/* The count at `cycle` cycles after the start. */
uint16_t recording_at(const struct recording *recording, uint64_t cycle);

#endif
