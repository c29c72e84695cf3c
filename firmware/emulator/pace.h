/* How the board's time follows the wall's. */
#ifndef PACE_H
#define PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "board.h"

enum pace_kind {
    REAL_TIME,
    FULL_SPEED,  /* as fast as it goes; a bootloader still keeps real time */
    STEPPED,     /* only as far as a command of the control socket says: what happens is the same each time */
};

struct pace {
    enum pace_kind kind;
    int ppm;           /* how far the crystal is off; above 0: it is too fast */
    int64_t epoch;     /* when, on the wall's clock, the board's would have been 0 */
    int64_t held_until;
};

int64_t pace_now_ns(void);

void pace_start(struct pace *pace);

/* The board goes on no earlier than `ns` from now. */
void pace_hold(struct pace *pace, int64_t ns);

/* Run the board as far as it may; returns for how many nanoseconds there is nothing to do, or -1: until something comes. */
int64_t pace_run(struct pace *pace, struct board *board);

#endif
