#include "devices.h"

#include <string.h>

const struct device DEVICES[] = {
    {NULL, NULL, NULL},
};

int device_attach(const char *spec, avr_t *avr) {
    size_t length = strcspn(spec, "=");
    for (const struct device *each = DEVICES; each->name; each++) {
        if (strlen(each->name) != length || strncmp(each->name, spec, length)) continue;
        each->attach(spec[length] ? spec + length + 1 : "", avr);
        return 0;
    }
    return -1;
}
