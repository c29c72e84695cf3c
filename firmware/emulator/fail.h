/* One way to give up: say what is wrong, where, and stop with status 2. */
#ifndef FAIL_H
#define FAIL_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define fail(...) (fprintf(stderr, "emulator: " __VA_ARGS__), fputc('\n', stderr), exit(2))

#endif
