#pragma once
#include <stdint.h>

struct WatchdogStub {
    int begin(uint32_t ms);
    void refresh();
};
extern WatchdogStub WDT;
