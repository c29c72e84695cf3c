// A native board's clock, sampler, EEPROM and options.
#ifdef __unix__

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "chain/reading.h"
#include "hal/hal.h"
#include "hal/posix/bus.h"
#include "hal/posix/network.h"
#include "hal/posix/port.h"
#include "hal/posix/waveform.h"
#include "sensors/channels.h"

namespace qcot {
namespace hal {
namespace {

constexpr char kUsage[] =
    "usage: program [options]\n"
    "A board without hardware, simulated by this process; prints `port: PATH`, its pseudo-terminal.\n"
    "  --eeprom FILE   keep identity, rates and boot epoch in FILE\n"
    "  --signal FILE   CSV of `counts` or `seconds,counts` lines on input A0; a made-up pulse wave without\n"
    "  --rate HZ       lines a second of a CSV without times (100)\n"
    "  --once          hold the signal's last value instead of starting anew\n"
    "  --seed N        entropy and made-up signal repeat\n"
    "  --log FILE      write `channel value time_ms` for each conversion\n"
    "  --link PATH     symbolic link to the port\n"
    "  --device NAME=ARGS  values and faults of a sensor, sht31, ds18b20 or pulses: numbers or file:CSV, and\n"
    "                  fault:absent|crc|held|restart[@FIRST[-LAST]]\n"
    "  --erase         forget identity and rates, as pin D12 does on a Uno\n"
    "  --until-eof     end when standard input ends\n"
    "  --mqtt ADDRESS  HOST:PORT of a broker, used while nobody has the port open; the board must be enrolled by then\n"
    "  --name NAME     of this board on the broker; --site NAME (home) and --bridge NAME (bridge) of whom it serves\n"
    "  --password-file FILE, --user NAME    for the broker; the user is the board's name where none is given\n";

constexpr uint16_t kStorageSize = 1024;
constexpr uint64_t kWatchdogUs = 2000000;

volatile sig_atomic_t told_to_stop;
uint64_t boot_us;
uint64_t seed;
bool seeded;
bool erase;
bool until_eof;
bool fed;
FILE* log_file;
int storage = -1;
uint8_t storage_memory[kStorageSize];
const uint8_t* image;
size_t image_length;

struct Schedule {
    uint64_t period;  // us; 0 is off
    uint64_t due;
};
Schedule schedule[kAdcChannels];

void stop(int) { told_to_stop = 1; }

[[noreturn]] void give_up(const char* what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(2);
}

uint64_t clock_us() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return uint64_t(now.tv_sec) * 1000000 + uint64_t(now.tv_nsec) / 1000;
}

uint64_t now_us() { return clock_us() - boot_us; }

void open_storage(const char* path) {
    memset(storage_memory, 0xFF, sizeof storage_memory);
    if (!path) return;
    storage = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (storage < 0) give_up(path);
    const ssize_t size = pread(storage, storage_memory, sizeof storage_memory, 0);
    if (size < 0) give_up(path);
    if (size != kStorageSize && pwrite(storage, storage_memory, kStorageSize, 0) != kStorageSize) give_up(path);
}

void open_image() {
    const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status)) give_up("/proc/self/exe");
    image_length = size_t(status.st_size);
    void* const at = mmap(nullptr, image_length, PROT_READ, MAP_PRIVATE, file, 0);
    if (at == MAP_FAILED) give_up("/proc/self/exe");
    image = static_cast<const uint8_t*>(at);
    close(file);
}

double number(const char* name, const char* text, double least) {
    char* end;
    const double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value < least) {
        fprintf(stderr, "--%s: expected a number of at least %g, got '%s'\n", name, least, text);
        exit(2);
    }
    return value;
}

// Asked ten times a second: it is a system call.
bool input_ended() {
    constexpr uint64_t kAskAgainUs = 100000;
    static uint64_t asked_us;
    if (now_us() - asked_us < kAskAgainUs) return false;
    asked_us = now_us();
    pollfd fd = {STDIN_FILENO, POLLIN, 0};
    char rest[256];
    return poll(&fd, 1, 0) > 0 && read(STDIN_FILENO, rest, sizeof rest) <= 0;
}

int32_t convert(uint8_t index, uint64_t us) {
    if (index < kAnalogInputs) return waveform_at(index, us, seed);
    return supply_millivolts(225);  // 1.1 V against 5 V
}

// Takes what has fallen due, in order of time. A sample belongs to the time when it was due, not to when this ran.
uint64_t sample_due() {
    for (;;) {
        Schedule* first = nullptr;
        for (Schedule& one : schedule) {
            if (one.period && (!first || one.due < first->due)) first = &one;
        }
        if (!first) return UINT64_MAX;
        if (first->due > now_us()) return first->due;
        const uint8_t index = uint8_t(first - schedule);
        const Reading reading = {uint32_t(first->due / 1000), index, convert(index, first->due)};
        first->due += first->period;
        if (log_file && fprintf(log_file, "%u %d %u\n", index, reading.value, reading.time) < 0) give_up("--log");
        sampled(reading);
    }
}

}  // namespace

void begin(int argc, char** argv) {
    enum { kEeprom = 256, kSignal, kRate, kOnce, kSeed, kLog, kLink, kErase, kUntilEof, kDevice, kMqtt, kName, kSite, kBridge, kUser, kPassword, kHelp };
    static const option names[] = {
        {"eeprom", 1, nullptr, kEeprom}, {"signal", 1, nullptr, kSignal}, {"rate", 1, nullptr, kRate},
        {"once", 0, nullptr, kOnce},     {"seed", 1, nullptr, kSeed},     {"log", 1, nullptr, kLog},
        {"link", 1, nullptr, kLink},     {"erase", 0, nullptr, kErase},   {"help", 0, nullptr, kHelp},
        {"until-eof", 0, nullptr, kUntilEof}, {"device", 1, nullptr, kDevice},
        {"mqtt", 1, nullptr, kMqtt},     {"name", 1, nullptr, kName},     {"site", 1, nullptr, kSite},
        {"bridge", 1, nullptr, kBridge}, {"user", 1, nullptr, kUser},     {"password-file", 1, nullptr, kPassword},
        {nullptr, 0, nullptr, 0},
    };
    const char *eeprom = nullptr, *recording = nullptr, *link = nullptr;
    NetworkOptions network;
    double rate = 100;
    bool once = false;
    for (int c; (c = getopt_long(argc, argv, "", names, nullptr)) != -1;) {
        switch (c) {
            case kEeprom: eeprom = optarg; break;
            case kSignal: recording = optarg; break;
            case kRate: rate = number("rate", optarg, 0.001); break;
            case kOnce: once = true; break;
            case kSeed:
                seed = uint64_t(number("seed", optarg, 0));
                seeded = true;
                break;
            case kLog:
                log_file = fopen(optarg, "we");
                if (!log_file) give_up(optarg);
                setvbuf(log_file, nullptr, _IOLBF, 0);  // complete at any time
                break;
            case kLink: link = optarg; break;
            case kErase: erase = true; break;
            case kDevice:
                if (const char* const expected = device_set(optarg)) {
                    fprintf(stderr, "--device %s: expected %s\n", optarg, expected);
                    exit(2);
                }
                break;
            case kUntilEof: until_eof = true; break;
            case kMqtt: network.broker = optarg; break;
            case kName: network.name = optarg; break;
            case kSite: network.site = optarg; break;
            case kBridge: network.bridge = optarg; break;
            case kUser: network.user = optarg; break;
            case kPassword: network.password_file = optarg; break;
            case kHelp: fputs(kUsage, stdout); exit(0);
            default: fputs(kUsage, stderr); exit(2);
        }
    }
    if (optind != argc) {
        fprintf(stderr, "'%s' is no option\n%s", argv[optind], kUsage);
        exit(2);
    }
    if (recording) waveform_load(recording, rate, once);
    open_storage(eeprom);
    open_image();
    struct sigaction action = {};
    action.sa_handler = stop;
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);
    boot_us = clock_us();
    network_begin(network);
    port_open(link);
    atexit(port_close);
}

bool running() {
    // By turns and not by the clock alone: a process that was stopped for a while is not hung.
    static uint64_t last_us;
    if (fed) last_us = now_us();
    fed = false;
    if (now_us() - last_us > kWatchdogUs) {
        fputs("the watchdog was not fed\n", stderr);
        exit(3);
    }
    return !told_to_stop && !(until_eof && input_ended());
}

void idle(uint16_t ms) {
    const uint64_t due = sample_due();
    if (ms == 0) return;
    const uint64_t now = now_us();
    const uint64_t wait = due > now ? due - now : 0;
    port_wait(wait < ms * 1000u ? wait : ms * 1000u);
}

uint32_t millis() { return uint32_t(now_us() / 1000); }

void storage_read(uint16_t at, void* to, uint8_t size) { memcpy(to, storage_memory + at, size); }

void storage_write(uint16_t at, const void* from, uint8_t size) {
    // What the file does not take must not read back.
    if (storage >= 0 && pwrite(storage, from, size, at) != size) return;
    memcpy(storage_memory + at, from, size);
}

uint32_t image_size() { return uint32_t(image_length); }

void image_read(uint32_t at, uint8_t* to, uint8_t size) { memcpy(to, image + at, size); }

void entropy(uint8_t* to, uint8_t size) {
    for (uint8_t i = 0; i < size; ++i) to[i] = uint8_t(seed >> (8 * (i % 8)));
    if (!seeded && getrandom(to, size, 0) != size) memset(to, 0, size);
}

int16_t noise() {
    uint8_t byte = uint8_t(seed);
    return seeded || getrandom(&byte, 1, 0) == 1 ? byte : -1;
}

void noise_end() {}

void sample_every(uint8_t channel, uint32_t rate) {
    sample_due();
    const uint64_t period = rate ? (1000000000ull + rate / 2) / rate : 0;
    schedule[channel] = {period, now_us() + period};
}

bool erase_wanted() { return erase; }
void watchdog_feed() { fed = true; }
void led(bool) {}
uint16_t free_ram() { return UINT16_MAX; }

}  // namespace hal
}  // namespace qcot

#endif
