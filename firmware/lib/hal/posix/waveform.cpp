#ifdef __unix__

#include "hal/posix/waveform.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace qcot {
namespace hal {
namespace {

struct Sample {
    uint64_t us;  // from which it holds
    uint16_t counts;
};

Sample* samples;
size_t length;
uint64_t period;  // 0: the last sample is held

[[noreturn]] void refuse(const char* path, unsigned line, const char* text) {
    fprintf(stderr, "%s:%u: expected counts from 0 to 1023, or seconds that do not go back and counts, got '%.60s'\n", path,
            line, text);
    exit(2);
}

// How many numbers the line holds, and nothing else; 0 if it is anything else.
int parse(const char* text, double numbers[2]) {
    for (int found = 0; found < 2;) {
        char* end;
        numbers[found] = strtod(text, &end);
        if (end == text || !isfinite(numbers[found])) return 0;
        ++found;
        end += strspn(end, " \t\r\n");
        if (!*end) return found;
        if (*end != ',') return 0;
        text = end + 1;
    }
    return 0;
}

}  // namespace

void waveform_load(const char* path, double rate, bool once) {
    FILE* file = fopen(path, "re");
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
    char text[256];
    size_t room = 0;
    int columns = 0;
    double origin = 0, seconds = 0;
    for (unsigned line = 1; fgets(text, sizeof text, file); ++line) {
        double numbers[2];
        const int found = parse(text, numbers);
        text[strcspn(text, "\r\n")] = 0;
        if (!found && line == 1) continue;
        const double counts = numbers[found - 1 > 0];
        if (!found || (columns && found != columns) || counts < 0 || counts > 1023 || counts != floor(counts)) {
            refuse(path, line, text);
        }
        if (!columns && found == 2) origin = numbers[0];
        columns = found;
        const double at = found == 2 ? numbers[0] - origin : double(length) / rate;
        if (at < seconds || at > 1e9) refuse(path, line, text);
        seconds = at;
        if (length == room) {
            room = room ? 2 * room : 1024;
            samples = static_cast<Sample*>(realloc(samples, room * sizeof *samples));
            if (!samples) abort();
        }
        samples[length].us = uint64_t(llround(at * 1e6));
        samples[length++].counts = uint16_t(counts);
    }
    fclose(file);
    if (!length) refuse(path, 1, "no samples at all");
    if (!once) {
        // The last sample lasts as long as the mean one.
        const double step = columns == 2 && length > 1 ? seconds / double(length - 1) : 1 / rate;
        period = samples[length - 1].us + uint64_t(llround(step * 1e6));
        if (!period) period = 1;
    }
}

uint16_t waveform_at(uint8_t input, uint64_t us, uint64_t seed) {
    if (!length || input != 0) {
        // Some 72 beats a minute, each a systolic peak and a smaller dicrotic one.
        const double beat = fmod(double(us) * 1.2e-6 + double(input) * 0.17 + double(seed % 1000) * 1e-3, 1);
        const double wave = exp(-90 * (beat - 0.2) * (beat - 0.2)) + 0.35 * exp(-70 * (beat - 0.5) * (beat - 0.5));
        return uint16_t(400 + 400 * wave);
    }
    if (period) us %= period;
    size_t low = 0, high = length;  // samples[low].us <= us, for the first is at 0
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        (samples[middle].us <= us ? low : high) = middle;
    }
    return samples[low].counts;
}

}  // namespace hal
}  // namespace qcot

#endif
