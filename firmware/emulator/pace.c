#include "pace.h"

#include <time.h>

enum {
    BATCH = CLOCK_HZ / 1000,
    IDLE_NS = 100000000,
    CATCH_UP_NS = 1000000000,
};

int64_t pace_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* How long the board's cycles took it, by the clock on the wall. */
static int64_t board_ns(const struct pace *pace, const struct board *board) {
    const int64_t million = 1000000;
    return (int64_t)((__int128)board->avr->cycle * (1000000000 / (CLOCK_HZ / million)) / (million + pace->ppm));
}

/* How long to wait so that the board's clock keeps to the wall's. One that fell far behind does not race after it. */
static int64_t lead_ns(struct pace *pace, const struct board *board) {
    int64_t ahead = pace->epoch + board_ns(pace, board) - pace_now_ns();
    if (ahead < -CATCH_UP_NS) pace->epoch -= ahead;
    return ahead < 0 ? 0 : ahead;
}

void pace_start(struct pace *pace) { pace->epoch = pace_now_ns(); }

void pace_hold(struct pace *pace, int64_t ns) { pace->held_until = pace_now_ns() + ns; }

int64_t pace_run(struct pace *pace, struct board *board) {
    int64_t now = pace_now_ns(), held = pace->held_until > now ? pace->held_until - now : 0;
    bool paced = pace->kind == REAL_TIME || board_in_bootloader(board) || board_stopped(board);
    if (!held && board->powered && pace->kind != STEPPED) {
        /* Whoever talks to us wakes us early, and must not make the board's time run faster by it. */
        int64_t ahead = paced ? lead_ns(pace, board) : 0;
        if (ahead) return ahead;
        board_run(board, board->avr->cycle + BATCH);
        if (paced) return lead_ns(pace, board);
        pace->epoch = pace_now_ns() - board_ns(pace, board);
        return 0;
    }
    pace->epoch = now + held - board_ns(pace, board);  /* its clock stands still */
    return held ? held : pace->kind == STEPPED ? -1 : IDLE_NS;
}
