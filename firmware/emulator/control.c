#include "control.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fail.h"

struct request {
    struct control *control;
    struct board *board;
    const char *first, *second;  /* arguments, "" when absent */
    char *answer;
    size_t room;
    bool quit, forked;
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

static void do_cut_page(struct request *request) {
    unsigned long long page;
    if (!number(request->first, &page) || !page || page > UINT16_MAX) ANSWER(request, "error expected which page of the flash from now");
    else request->board->cut_page = (unsigned)page;
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

static const char *state_of(const struct board *board) {
    return !board->powered ? "off" : board_stopped(board) ? "stopped" : board->avr->state == cpu_Sleeping ? "sleeping" : "running";
}

static void do_cycles(struct request *request) { ANSWER(request, "ok %llu", (unsigned long long)request->board->avr->cycle); }

static void do_awake(struct request *request) {
    const struct board *board = request->board;
    ANSWER(request, "ok %llu", (unsigned long long)(board->avr->cycle - board->asleep));
}

static void do_state(struct request *request) {
    const struct board *board = request->board;
    ANSWER(request, "ok %s %#x", state_of(board), (unsigned)board->avr->pc);
}

static void do_led(struct request *request) { ANSWER(request, "ok %d", board_led(request->board)); }

static void do_pin(struct request *request) {
    if (strlen(request->second) != 1 || !board_drive(request->board, request->first, request->second[0]))
        ANSWER(request, "error expected a pin (12, B4) and 0, 1 or z");
}

static void set_pace(struct request *request, enum pace_kind kind) {
    struct pace *pace = request->control->machine.pace;
    if (pace->kind == STEPPED) ANSWER(request, "error time passes by the command run alone");
    else pace->kind = kind;
}

static void do_full_speed(struct request *request) { set_pace(request, FULL_SPEED); }

static void do_real_time(struct request *request) { set_pace(request, REAL_TIME); }

/* ---- stepping: time passes only here ---- */

static bool bytes_of(const char *hex, uint8_t *bytes, size_t room, size_t *length) {
    *length = strlen(hex) / 2;
    if (strlen(hex) % 2 || *length > room || hex[strspn(hex, "0123456789abcdef")]) return false;
    for (size_t i = 0; i < *length; i++) sscanf(hex + 2 * i, "%2hhx", &bytes[i]);
    return true;
}

static void put_hex(struct request *request, const uint8_t *bytes, size_t length) {
    size_t at = strlen(request->answer);
    for (size_t i = 0; i < length && at + 2 < request->room; i++, at += 2) sprintf(request->answer + at, "%02x", bytes[i]);
}

/* run CYCLES [HEX]: HEX comes on the line from now on. Goes on for CYCLES, or to the next zero byte that the board says, or to
 * where it begins to write an EEPROM byte. Answers the cycle, the state, how many EEPROM bytes were begun, since when or until when the last of them takes, and what
 * the board said. */
static void do_run(struct request *request) {
    struct board *board = request->board;
    struct serial *serial = &board->serial;
    unsigned long long cycles;
    uint8_t bytes[512];
    size_t length;
    if (request->control->machine.pace->kind != STEPPED) {
        ANSWER(request, "error expected a board that was started with --stepped");
    } else if (!*request->first || !number(request->first, &cycles) || !bytes_of(request->second, bytes, sizeof bytes, &length)) {
        ANSWER(request, "error expected a number of cycles, and at most %zu bytes in hexadecimal", sizeof bytes);
    } else if (!serial_feed(serial, bytes, length)) {
        ANSWER(request, "error there is no room for more bytes");
    } else {
        board_step(board, cycles);
        ANSWER(request, "ok %llu %s %u %llu ", (unsigned long long)board->avr->cycle, state_of(board), board->writes,
               (unsigned long long)board->writing.done);
        put_hex(request, serial->out, serial->out_length);
        serial->out_length = 0;
    }
}

enum { EEPROM_PART = 512 };

/* eeprom AT [HEX]: what is there, up to 512 bytes of it; with HEX, that is put there. */
static void do_eeprom(struct request *request) {
    avr_eeprom_t *eeprom = request->board->eeprom;
    unsigned long long at;
    uint8_t bytes[EEPROM_PART];
    size_t length;
    if (!*request->first || !number(request->first, &at) || at >= eeprom->size ||
        !bytes_of(request->second, bytes, sizeof bytes, &length) || at + length > eeprom->size)
        return (void)ANSWER(request, "error expected an address, and at most %d bytes in hexadecimal", EEPROM_PART);
    if (length) return (void)memcpy(eeprom->eeprom + at, bytes, length);
    ANSWER(request, "ok ");
    put_hex(request, eeprom->eeprom + at, eeprom->size - at < EEPROM_PART ? eeprom->size - at : EEPROM_PART);
}

/* The most that one byte of the EEPROM was written, of those from AT to before END. */
static void do_writes(struct request *request) {
    unsigned long long at, end;
    uint32_t most = 0;
    if (!number(request->first, &at) || !number(request->second, &end) || at >= end || end > EEPROM_MAX)
        return (void)ANSWER(request, "error expected two addresses of the EEPROM, the first below the second");
    for (; at < end; at++)
        if (request->board->cell_writes[at] > most) most = request->board->cell_writes[at];
    ANSWER(request, "ok %u", most);
}

static void do_wear(struct request *request) {
    unsigned long long at;
    if (!*request->first || !number(request->first, &at) || at > UINT16_MAX || !board_wear(request->board, (unsigned)at))
        ANSWER(request, "error expected the address of an EEPROM byte, at most %d of them", WORN_BYTES);
}

static int listen_at(const char *path);

/* fork PATH SEED: a second board goes on from here, stepped, with a socket of its own at PATH and its power cut at this very
 * cycle; SEED is for what is random in it. It ends when its client goes. */
static void do_fork(struct request *request) {
    struct control *control = request->control;
    unsigned long long seed;
    if (!*request->second || !number(request->second, &seed) || strlen(request->first) >= sizeof control->path)
        return (void)ANSWER(request, "error expected a path and a seed");
    int listener = listen_at(request->first);  /* here, so that it takes its client as soon as it is told of */
    if (listener < 0) return (void)ANSWER(request, "error %.60s: %s", request->first, strerror(errno));
    signal(SIGCHLD, SIG_IGN);
    pid_t child = fork();
    if (child < 0) ANSWER(request, "error %s", strerror(errno));
    if (child > 0) ANSWER(request, "ok %d", (int)child);
    if (child) return (void)close(listener);
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        if (control->clients[i].fd >= 0) close(control->clients[i].fd);
        control->clients[i].fd = -1;
        control->clients[i].length = 0;
    }
    close(control->listener);
    control->listener = listener;
    control->forked = request->forked = true;
    strcpy(control->path, request->first);
    control->machine.pace->kind = STEPPED;
    analog_part(control->machine.analog);
    board_part(request->board, seed);
    request->board->serial.stops_at_zero = true;
    board_power_off(request->board);
}

static void do_quit(struct request *request) { request->quit = true; }

static const struct {
    const char *name;
    void (*run)(struct request *);
} COMMANDS[] = {
    {"reset", do_reset}, {"power-on", do_power_on}, {"power-off", do_power_off}, {"cut-page", do_cut_page}, {"power-cycle", do_power_cycle},
    {"unplug", do_unplug}, {"plug", do_plug}, {"cycles?", do_cycles}, {"awake?", do_awake}, {"state?", do_state},
    {"led?", do_led}, {"pin", do_pin}, {"full-speed", do_full_speed}, {"real-time", do_real_time}, {"run", do_run},
    {"eeprom", do_eeprom}, {"wear", do_wear}, {"writes?", do_writes}, {"fork", do_fork}, {"quit", do_quit},
};

/* False when told to quit. */
static bool carry_out(struct request *request, char *line) {
    char *state = NULL, *name = strtok_r(line, " \r", &state), *word;
    if ((word = strtok_r(NULL, " \r", &state))) request->first = word;
    if ((word = strtok_r(NULL, " \r", &state))) request->second = word;
    for (size_t i = 0; name && i < sizeof COMMANDS / sizeof *COMMANDS; i++)
        if (!strcmp(name, COMMANDS[i].name)) {
            ANSWER(request, "ok");
            COMMANDS[i].run(request);
            return !request->quit;
        }
    ANSWER(request, "error no such command: %.40s", name ? name : "");
    return true;
}

/* A socket that takes clients at `path`, or -1 and errno. */
static int listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return errno = ENAMETOOLONG, -1;
    strcpy(address.sun_path, path);
    unlink(path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener >= 0 && !bind(listener, (struct sockaddr *)&address, sizeof address) && !listen(listener, CONTROL_CLIENTS))
        return listener;
    int error = errno;
    if (listener >= 0) close(listener);
    return errno = error, -1;
}

void control_open(struct control *control, const char *path, struct machine machine) {
    *control = (struct control){.machine = machine, .listener = -1};
    for (int i = 0; i < CONTROL_CLIENTS; i++) control->clients[i].fd = -1;
    if (!path) return;
    control->listener = listen_at(path);
    if (control->listener < 0) fail("%s: %s", path, strerror(errno));
    strcpy(control->path, path);
}

void control_close(struct control *control) {
    if (*control->path) unlink(control->path);
}

void control_wait(const struct control *control, struct pollfd fds[CONTROL_FDS]) {
    bool room = false;  /* without it nobody is accepted, and to wait for them would be to wait for nothing */
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        fds[1 + i] = (struct pollfd){.fd = control->clients[i].fd, .events = POLLIN};
        room |= control->clients[i].fd < 0;
    }
    fds[0] = (struct pollfd){.fd = room ? control->listener : -1, .events = POLLIN};
}

static bool serve(struct control *control, int index) {
    int fd = control->clients[index].fd;
    char *line = control->clients[index].line;
    size_t *length = &control->clients[index].length;
    ssize_t got = read(fd, line + *length, sizeof control->clients[index].line - *length);
    if (got < 0 && errno == EAGAIN) return true;
    bool goes_on = true;
    char *end;
    *length += got > 0 ? (size_t)got : 0;
    while (goes_on && (end = memchr(line, '\n', *length))) {
        char answer[128 + 2 * STEP_BYTES];
        struct request request = {
            .control = control, .board = control->machine.board, .first = "", .second = "", .answer = answer, .room = sizeof answer - 1};
        *end = 0;
        goes_on = carry_out(&request, line);
        if (request.forked) return true;  /* another process, with other clients */
        strcat(answer, "\n");
        if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0) got = 0;
        *length -= (size_t)(end + 1 - line);
        memmove(line, end + 1, *length);
    }
    if (got <= 0 || *length == sizeof control->clients[index].line) {  /* gone, or talks nonsense */
        close(fd);
        control->clients[index].fd = -1;
        *length = 0;
        goes_on = goes_on && !control->forked;
    }
    return goes_on;
}

bool control_poll(struct control *control) {
    bool goes_on = true;
    for (int i = 0; control->listener >= 0 && i < CONTROL_CLIENTS; i++) {
        if (control->clients[i].fd < 0)
            control->clients[i].fd = accept4(control->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (control->clients[i].fd >= 0) goes_on = serve(control, i) && goes_on;
    }
    return goes_on;
}
