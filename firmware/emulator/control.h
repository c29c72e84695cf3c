/* Commands from outside, one a line, on a Unix socket; each is answered by one line. */
#ifndef CONTROL_H
#define CONTROL_H

#include <poll.h>
#include <stdbool.h>

#include "board.h"

enum { CONTROL_CLIENTS = 4, CONTROL_FDS = 1 + CONTROL_CLIENTS };

struct control {
    int listener;
    struct {
        int fd;
        size_t length;
        char line[128];
    } clients[CONTROL_CLIENTS];
};

/* `path` NULL: no socket. */
void control_open(struct control *control, const char *path);

/* What to wait on. */
void control_wait(const struct control *control, struct pollfd fds[CONTROL_FDS]);

/* Carry out what has come; false when told to quit. */
bool control_poll(struct control *control, struct board *board);

#endif
