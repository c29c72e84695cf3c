#pragma once
#include <stddef.h>
#include <stdint.h>

enum { WL_CONNECTED = 3 };
struct WifiStub {
    int begin(const char* ssid, const char* password);
    int status();
};
extern WifiStub WiFi;

struct WiFiClient {
    void setTimeout(uint32_t ms);
    int connect(const char* host, uint16_t port);
    uint8_t connected();
    int available();
    int read(uint8_t* to, size_t room);
    size_t write(const uint8_t* from, size_t size);
    void stop();
};
