#include "control.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fail.h"

struct request {
    struct board *board;
    const char *first, *second;  /* arguments, "" when absent */
    char *answer;
    size_t room;
    bool quit;
};

#define ANSWER(request, ...) snprintf((request)->answer, (request)->room, __VA_ARGS__)

/* "" is 0; false when `text` is no number, or more than a century of cycles. */
static bool number(const char *text, unsigned long long *value) {
    *value = strtoull(text, NULL, 10);
    return text[strspn(text, "0123456789")] == 0 && *value < 1ULL << 56;
}

/* An optional argument is how many cycles from now the power goes. */
static bool set_cut(struct request *request) {
    unsigned long long cycles;
    if (!number(request->first, &cycles)) return ANSWER(request, "error expected a number of cycles"), false;
    request->board->cut_at = cycles ? request->board->avr->cycle + cycles : 0;
    return true;
}

static void do_reset(struct request *request) { board_reset(request->board); }

static void do_power_on(struct request *request) {
    if (set_cut(request)) board_power_on(request->board);
}

static void do_power_off(struct request *request) {
    if (set_cut(request) && !request->board->cut_at) board_power_off(request->board);
}

static void do_power_cycle(struct request *request) {
    board_power_off(request->board);
    do_power_on(request);
}

static void do_unplug(struct request *request) {
    board_power_off(request->board);
    serial_unplug(&request->board->serial);
}

static void do_plug(struct request *request) {
    serial_plug(&request->board->serial);
    board_power_on(request->board);
    ANSWER(request, "ok %s", request->board->serial.name);
}

static void do_cycles(struct request *request) { ANSWER(request, "ok %llu", (unsigned long long)request->board->avr->cycle); }

static void do_awake(struct request *request) {
    const struct board *board = request->board;
    ANSWER(request, "ok %llu", (unsigned long long)(board->avr->cycle - board->asleep));
}

static void do_state(struct request *request) {
    const struct board *board = request->board;
    int state = board->avr->state;
    const char *name = !board->powered ? "off" : state == cpu_Running ? "running" : state == cpu_Sleeping ? "sleeping" : "stopped";
    ANSWER(request, "ok %s %#x", name, (unsigned)board->avr->pc);
}

static void do_led(struct request *request) { ANSWER(request, "ok %d", board_led(request->board)); }

static void do_pin(struct request *request) {
    if (strlen(request->second) != 1 || !board_drive(request->board, request->first, request->second[0]))
        ANSWER(request, "error expected a pin (12, B4) and 0, 1 or z");
}

static void do_quit(struct request *request) { request->quit = true; }

static const struct {
    const char *name;
    void (*run)(struct request *);
} COMMANDS[] = {
    {"reset", do_reset}, {"power-on", do_power_on}, {"power-off", do_power_off}, {"power-cycle", do_power_cycle},
    {"unplug", do_unplug}, {"plug", do_plug}, {"cycles?", do_cycles}, {"awake?", do_awake}, {"state?", do_state},
    {"led?", do_led}, {"pin", do_pin}, {"quit", do_quit},
};

static bool carry_out(struct board *board, char *line, char *answer, size_t room) {
    struct request request = {.board = board, .first = "", .second = "", .answer = answer, .room = room};
    char *state = NULL, *name = strtok_r(line, " \r", &state), *word;
    if ((word = strtok_r(NULL, " \r", &state))) request.first = word;
    if ((word = strtok_r(NULL, " \r", &state))) request.second = word;
    for (size_t i = 0; name && i < sizeof COMMANDS / sizeof *COMMANDS; i++)
        if (!strcmp(name, COMMANDS[i].name)) {
            snprintf(answer, room, "ok");
            COMMANDS[i].run(&request);
            return !request.quit;
        }
    snprintf(answer, room, "error no such command: %.40s", name ? name : "");
    return true;
}

void control_open(struct control *control, const char *path) {
    control->listener = -1;
    for (int i = 0; i < CONTROL_CLIENTS; i++) control->clients[i].fd = -1;
    if (!path) return;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) fail("%s: too long for a socket's name", path);
    strcpy(address.sun_path, path);
    unlink(path);
    control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (control->listener < 0 || bind(control->listener, (struct sockaddr *)&address, sizeof address) ||
        listen(control->listener, CONTROL_CLIENTS))
        fail("%s: %s", path, strerror(errno));
}

void control_wait(const struct control *control, struct pollfd fds[CONTROL_FDS]) {
    bool room = false;  /* without it nobody is accepted, and to wait for them would be to wait for nothing */
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        fds[1 + i] = (struct pollfd){.fd = control->clients[i].fd, .events = POLLIN};
        room |= control->clients[i].fd < 0;
    }
    fds[0] = (struct pollfd){.fd = room ? control->listener : -1, .events = POLLIN};
}

static bool serve(struct control *control, int index, struct board *board) {
    int fd = control->clients[index].fd;
    char *line = control->clients[index].line;
    size_t *length = &control->clients[index].length;
    ssize_t got = read(fd, line + *length, sizeof control->clients[index].line - *length);
    if (got < 0 && errno == EAGAIN) return true;
    bool goes_on = true;
    char *end;
    *length += got > 0 ? (size_t)got : 0;
    while (goes_on && (end = memchr(line, '\n', *length))) {
        char answer[128];
        *end = 0;
        goes_on = carry_out(board, line, answer, sizeof answer - 1);
        strcat(answer, "\n");
        if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0) got = 0;
        *length -= (size_t)(end + 1 - line);
        memmove(line, end + 1, *length);
    }
    if (got <= 0 || *length == sizeof control->clients[index].line) {  /* gone, or talks nonsense */
        close(fd);
        control->clients[index].fd = -1;
        *length = 0;
    }
    return goes_on;
}

bool control_poll(struct control *control, struct board *board) {
    if (control->listener < 0) return true;
    bool goes_on = true;
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        if (control->clients[i].fd < 0)
            control->clients[i].fd = accept4(control->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (control->clients[i].fd >= 0) goes_on = serve(control, i, board) && goes_on;
    }
    return goes_on;
}
