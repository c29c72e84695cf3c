/* Commands from outside, one a line, on a Unix socket; each is answered by one line. */
#ifndef CONTROL_H
#define CONTROL_H

#include <poll.h>
#include <stdbool.h>

#include "analog.h"
#include "board.h"
#include "pace.h"

enum { CONTROL_CLIENTS = 4, CONTROL_FDS = 1 + CONTROL_CLIENTS };

struct machine {
    struct board *board;
    struct analog *analog;
    struct pace *pace;
};

struct control {
    struct machine machine;
    int listener;
    bool forked;  /* lives as long as its one client */
    char path[108];
    struct {
        int fd;
        size_t length;
        char line[1200];
    } clients[CONTROL_CLIENTS];
};

/* `path` NULL: no socket. */
void control_open(struct control *control, const char *path, struct machine machine);

/* What to wait on. */
void control_wait(const struct control *control, struct pollfd fds[CONTROL_FDS]);

/* Carry out what has come; false when told to quit. */
bool control_poll(struct control *control);

void control_close(struct control *control);

#endif
