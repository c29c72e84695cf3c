#include "recording.h"

#include <math.h>

#include "fail.h"

struct row {
    double seconds, value;
};

/* Whether `text` is one or two numbers and nothing else. */
static int parse(const char *text, struct row *row) {
    char *end;
    double first = strtod(text, &end);
    if (end == text || !isfinite(first)) return 0;
    if (*end != ',') {
        *row = (struct row){0, first};
        return end[strspn(end, " \t\r\n")] ? 0 : 1;
    }
    const char *second = end + 1;
    *row = (struct row){first, strtod(second, &end)};
    return end == second || !isfinite(row->value) || end[strspn(end, " \t\r\n")] ? 0 : 2;
}

static uint16_t to_count(const char *path, unsigned line, double value, bool volts) {
    double count = volts ? floor(value / 5.0 * ADC_MAX) : value;
    if (count < 0 || count > ADC_MAX || count != floor(count)) {
        if (volts) fail("%s:%u: expected volts from 0 to 5, got %g", path, line, value);
        fail("%s:%u: expected a whole count from 0 to %d, got %g", path, line, ADC_MAX, value);
    }
    return (uint16_t)count;
}

struct recording recording_read(const char *path, struct recording_format format) {
    FILE *file = fopen(path, "r");
    if (!file) fail("%s: %s", path, strerror(errno));
    struct recording recording = {0};
    char text[256];
    int columns = 0;
    double origin = 0, previous = 0;
    size_t room = 0;
    for (unsigned line = 1; fgets(text, sizeof text, file); line++) {
        struct row row;
        int got = parse(text, &row);
        text[strcspn(text, "\r\n")] = 0;
        if (!got && line == 1) continue;  /* a header */
        if (!got || (columns && got != columns))
            fail("%s:%u: expected %s, got '%.60s'", path, line, columns == 2 ? "seconds,value" : columns == 1 ? "one value" : "value or seconds,value", text);
        if (!columns) origin = got == 2 ? row.seconds : 0;
        columns = got;
        double at = got == 2 ? row.seconds - origin : (double)recording.length / format.rate;
        if (at < previous) fail("%s:%u: expected time to go on from %g s, got %g s", path, line, previous + origin, row.seconds);
        previous = at;
        if (recording.length == room) {
            room = room ? 2 * room : 1024;
            recording.start = realloc(recording.start, room * sizeof *recording.start);
            recording.count = realloc(recording.count, room * sizeof *recording.count);
            if (!recording.start || !recording.count) fail("out of memory");
        }
        recording.start[recording.length] = (uint64_t)llround(at * format.frequency);
        recording.count[recording.length++] = to_count(path, line, row.value, format.volts);
    }
    fclose(file);
    if (!recording.length) fail("%s: expected samples, found none", path);
    if (!format.once) {
        /* The last sample lasts as long as the mean one. */
        double step = columns == 2 && recording.length > 1 ? previous / (double)(recording.length - 1) : 1 / format.rate;
        recording.period = recording.start[recording.length - 1] + (uint64_t)llround(step * format.frequency);
        if (!recording.period) recording.period = 1;
    }
    return recording;
}

uint16_t recording_at(const struct recording *recording, uint64_t cycle) {
    if (recording->period) cycle %= recording->period;
    size_t low = 0, high = recording->length;  /* start[low] <= cycle, as start[0] is 0 */
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (recording->start[middle] <= cycle) low = middle;
        else high = middle;
    }
    return recording->count[low];
}
