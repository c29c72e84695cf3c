/* qcot-emulator: runs the very ELF of a real board in simavr, or its bootloader, with the UART on a pseudo-terminal.
 * A process of its own; what links it is under the GPL, see docs/adr/0002-emulator-links-simavr.md. */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "analog.h"
#include "board.h"
#include "control.h"
#include "devices.h"
#include "fail.h"

enum {
    MOST_DEVICES = 8,
    MOST_PPM = 100000,
    /* A real chip starts so long after a reset (ATmega328P data sheet, table 9-4). Hosts need it: what they throw away while
     * they set up a port that they have just opened is not to hold the board's first words. */
    START_UP_NS = 65000000,
};

static const char USAGE[] =
    "usage: qcot-emulator -m atmega328p|atmega2560|atmega32u4 [options]\n"
    "  --elf FILE           program to run; what --flash held before is overwritten\n"
    "  --flash FILE         keep the flash in FILE\n"
    "  --eeprom FILE        keep the EEPROM in FILE\n"
    "  --bootloader HEX     start in this bootloader at every external reset\n"
    "  --signal [A1=]FILE   CSV of `count` or `seconds,count` lines on input A0 (or A1 ...)\n"
    "  --volts              the CSV's values are volts from 0 to 5\n"
    "  --rate HZ            samples a second of a CSV without times (100)\n"
    "  --once               hold a signal's last value instead of starting anew\n"
    "  --adc-log FILE       write `cycle mux refs value` for each conversion\n"
    "  --marks FILE         write `cycle value` for each write to GPIOR0\n"
    "  --uart-log FILE      write `cycle byte` for each byte that the board says\n"
    "  --device NAME[=ARGS] put a simulated part on the pins\n"
    "  --control PATH       Unix socket: reset, power-on [CYCLES], power-off [CYCLES], cut-page N, power-cycle, unplug,\n"
    "                       plug, cycles?, awake?, state?, led?, pin N 0|1|z, full-speed, real-time, run CYCLES [HEX],\n"
    "                       eeprom AT [HEX], wear AT, writes? AT END, fork PATH SEED, quit\n"
    "  --link PATH          symbolic link to the port\n"
    "  --no-dtr             opening the port does not reset the board\n"
    "  --full-speed         as fast as it goes (a bootloader still runs in real time)\n"
    "  --stepped            no port: time passes, and bytes go both ways, by the command `run`\n"
    "  --ppm N              the crystal is so many parts per million too fast, or below 0 too slow\n"
    "  --off                start without power\n"
    "  --seed N             for what is random: RAM at power-on, torn EEPROM writes\n"
    "  --until-eof          quit when standard input ends\n";

struct options {
    const char *mcu, *control, *signals[ANALOG_INPUTS];
    struct board_files files;
    struct recording_format format;
    struct pace pace;
    const char *devices[MOST_DEVICES + 1];
    FILE *adc_log;
    uint64_t seed;
    bool no_dtr, off, until_eof;
};

static void help(void) {
    fputs(USAGE, stdout);
    for (const struct device *device = DEVICES; device->name; device++) printf("  --device %s=%s (%s)\n", device->name, device->usage, device->where);
}

static volatile sig_atomic_t told_to_stop;

static void on_signal(int number) {
    (void)number;
    told_to_stop = 1;
}

static FILE *log_file(const char *path) {
    FILE *file = fopen(path, "we");
    if (!file) fail("%s: %s", path, strerror(errno));
    return file;
}

static double positive(const char *name, const char *text) {
    char *end;
    double value = strtod(text, &end);
    if (*end || !(value > 0)) fail("--%s: expected a number above 0, got '%s'", name, text);
    return value;
}

static int parts_per_million(const char *text) {
    char *end;
    long value = strtol(text, &end, 10);
    if (!*text || *end || labs(value) > MOST_PPM) fail("--ppm: expected a whole number of at most +-%d, got '%s'", MOST_PPM, text);
    return (int)value;
}

static void add_device(struct options *options, const char *spec) {
    size_t count = 0;
    while (options->devices[count]) count++;
    if (count == MOST_DEVICES) fail("--device: expected at most %d", MOST_DEVICES);
    options->devices[count] = spec;
}

static void attach_device(const char *spec, avr_t *avr) {
    if (!device_attach(spec, avr)) return;
    char names[256] = "";
    for (const struct device *device = DEVICES; device->name; device++)
        snprintf(names + strlen(names), sizeof names - strlen(names), " %s", device->name);
    fail("--device %s: no such part; there is:%s", spec, *names ? names : " none");
}

static void add_signal(struct options *options, const char *text) {
    unsigned input = 0;
    const char *equals = strchr(text, '=');
    if (text[0] == 'A' && equals == text + 2) {
        input = (unsigned)(text[1] - '0');
        text = equals + 1;
    }
    if (input >= ANALOG_INPUTS) fail("--signal: expected an input from A0 to A7");
    options->signals[input] = text;
}

static struct options parse(int argc, char **argv) {
    enum { ELF = 256, FLASH, EEPROM, BOOTLOADER, SIGNAL, VOLTS, RATE, ONCE, ADC_LOG, MARKS, CONTROL, LINK, NO_DTR, FAST, STEP, PPM, DEVICE, UART_LOG, OFF, SEED, UNTIL_EOF, HELP };
    static const struct option LONG[] = {
        {"elf", 1, NULL, ELF}, {"flash", 1, NULL, FLASH}, {"eeprom", 1, NULL, EEPROM}, {"bootloader", 1, NULL, BOOTLOADER},
        {"signal", 1, NULL, SIGNAL}, {"volts", 0, NULL, VOLTS}, {"rate", 1, NULL, RATE}, {"once", 0, NULL, ONCE},
        {"adc-log", 1, NULL, ADC_LOG}, {"marks", 1, NULL, MARKS}, {"control", 1, NULL, CONTROL}, {"link", 1, NULL, LINK},
        {"no-dtr", 0, NULL, NO_DTR}, {"full-speed", 0, NULL, FAST}, {"stepped", 0, NULL, STEP}, {"ppm", 1, NULL, PPM}, {"device", 1, NULL, DEVICE},
        {"uart-log", 1, NULL, UART_LOG}, {"off", 0, NULL, OFF}, {"seed", 1, NULL, SEED},
        {"until-eof", 0, NULL, UNTIL_EOF}, {"help", 0, NULL, HELP}, {NULL, 0, NULL, 0},
    };
    struct options options = {.format = {.rate = 100, .frequency = CLOCK_HZ}};
    for (int option; (option = getopt_long(argc, argv, "m:h", LONG, NULL)) != -1;) switch (option) {
        case 'm': options.mcu = optarg; break;
        case ELF: options.files.elf = optarg; break;
        case FLASH: options.files.flash = optarg; break;
        case EEPROM: options.files.eeprom = optarg; break;
        case BOOTLOADER: options.files.bootloader = optarg; break;
        case SIGNAL: add_signal(&options, optarg); break;
        case VOLTS: options.format.volts = true; break;
        case RATE: options.format.rate = positive("rate", optarg); break;
        case ONCE: options.format.once = true; break;
        case ADC_LOG: options.adc_log = log_file(optarg); break;
        case MARKS: options.files.marks = log_file(optarg); break;
        case CONTROL: options.control = optarg; break;
        case LINK: options.files.link = optarg; break;
        case NO_DTR: options.no_dtr = true; break;
        case FAST: options.pace.kind = FULL_SPEED; break;
        case STEP: options.pace.kind = STEPPED; break;
        case PPM: options.pace.ppm = parts_per_million(optarg); break;
        case DEVICE: add_device(&options, optarg); break;
        case UART_LOG: options.files.uart_log = log_file(optarg); break;
        case OFF: options.off = true; break;
        case SEED: options.seed = strtoull(optarg, NULL, 10); break;
        case UNTIL_EOF: options.until_eof = true; break;
        case 'h': case HELP: help(); exit(0);
        default: fputs(USAGE, stderr); exit(2);
    }
    if (!options.mcu || optind != argc) fail("expected -m and options; see --help");
    if (!options.files.elf && !options.files.flash && !options.files.bootloader)
        fail("nothing to run: expected --elf, --flash or --bootloader");
    return options;
}

static void run(struct machine machine, struct control *control, const struct options *options) {
    struct board *board = machine.board;
    bool goes_on = true;
    while (goes_on && !told_to_stop) {
        int64_t wait = pace_run(machine.pace, board);
        struct pollfd fds[CONTROL_FDS + 3];
        control_wait(control, fds);
        fds[CONTROL_FDS] = (struct pollfd){.fd = serial_wait_fd(&board->serial), .events = POLLIN};
        fds[CONTROL_FDS + 1] = (struct pollfd){.fd = board->serial.watch, .events = POLLIN};
        fds[CONTROL_FDS + 2] = (struct pollfd){.fd = options->until_eof ? STDIN_FILENO : -1, .events = POLLIN};
        struct timespec limit = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};
        int news = ppoll(fds, sizeof fds / sizeof *fds, wait < 0 ? NULL : &limit, NULL);
        if (serial_poll(&board->serial) && !options->no_dtr && !board->usb.avr) {
            board_reset(board);
            pace_hold(machine.pace, START_UP_NS);
        }
        if (news <= 0) continue;
        goes_on = control_poll(control);
        char rest[256];
        if (fds[CONTROL_FDS + 2].revents && read(STDIN_FILENO, rest, sizeof rest) <= 0) goes_on = false;
    }
}

int main(int argc, char **argv) {
    signal(SIGXFSZ, SIG_IGN);  /* what a file does not take is told by name */
    struct options options = parse(argc, argv);
    static struct board board;
    static struct analog analog;
    static struct control control;
    analog.log = options.adc_log;
    for (int i = 0; i < ANALOG_INPUTS; i++)
        if (options.signals[i]) analog.inputs[i] = recording_read(options.signals[i], options.format);
    board_make(&board, options.mcu, options.files, options.seed);
    analog_attach(&analog, board.avr);
    devices_begin(board.avr);
    for (const char **spec = options.devices; *spec; spec++) attach_device(*spec, board.avr);
    struct machine machine = {.board = &board, .analog = &analog, .pace = &options.pace};
    control_open(&control, options.control, machine);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    signal(SIGPIPE, SIG_IGN);
    board.serial.stops_at_zero = options.pace.kind == STEPPED;
    if (options.pace.kind != STEPPED) serial_plug(&board.serial);
    pace_start(&options.pace);
    if (!options.off) board_power_on(&board);
    printf("port: %s\n", options.pace.kind == STEPPED ? "none" : board.serial.name);
    fflush(stdout);
    run(machine, &control, &options);
    serial_unplug(&board.serial);
    control_close(&control);
    return 0;
}
