#if defined(ARDUINO) && !defined(__AVR__)

#include "hal/hal.h"
#include "hal/wifi/parts.h"
#include "mqtt/client.h"

// Given on the command line of the build: QCOT_WIFI_SSID=ward QCOT_WIFI_PASSWORD=... pio run -e esp32dev (platformio.ini).
namespace qcot {
namespace hal {
namespace {

static_assert(sizeof QCOT_WIFI_SSID > 1 && sizeof QCOT_BROKER > 1 && sizeof QCOT_NAME > 1 && sizeof QCOT_BROKER_PASSWORD > 1,
              "set QCOT_WIFI_SSID, QCOT_WIFI_PASSWORD, QCOT_BROKER, QCOT_NAME, QCOT_BROKER_PASSWORD: docs/boards.md");

constexpr uint16_t kBrokerPort = 1884;
constexpr uint16_t kConnectMs = 1000;  // the watchdog has twice as long
constexpr uint32_t kCableMs = 10000;
constexpr uint32_t kAgainMs = 15000;

// Arduino's client waits while it connects, and for nothing else.
class WifiSocket final : public mqtt::Socket {
public:
    void connect() override {
        client_.setTimeout(kConnectMs);
        if (WiFi.status() == WL_CONNECTED) client_.connect(QCOT_BROKER, kBrokerPort);
    }
    State state() override { return client_.connected() ? State::open : State::closed; }
    uint16_t read(uint8_t* to, uint16_t room) override {
        const int there = client_.available();
        if (there <= 0) return 0;
        const int size = client_.read(to, there < room ? size_t(there) : size_t(room));
        return size > 0 ? uint16_t(size) : uint16_t(0);
    }
    uint16_t write(const uint8_t* from, uint16_t size) override { return uint16_t(client_.write(from, size)); }
    void close() override { client_.stop(); }

private:
    WiFiClient client_;
};

char up[mqtt::kMaxTopic + 1], down[mqtt::kMaxTopic + 1], state[mqtt::kMaxTopic + 1];
const mqtt::Account account = {"qcot-board-" QCOT_NAME, QCOT_NAME, QCOT_BROKER_PASSWORD, up, down, state};
WifiSocket wifi_socket;
mqtt::Client client(wifi_socket, account);
bool joined;
bool cabled;
uint32_t cable_at;
uint32_t wifi_at;

}  // namespace

void line_begin() {
    Serial.begin(500000);
    Serial.write(uint8_t(0));  // the delimiter that makes a receiver listen
    mqtt::board_topic(up, QCOT_SITE, QCOT_BRIDGE, QCOT_NAME, "up");
    mqtt::board_topic(down, QCOT_SITE, QCOT_BRIDGE, QCOT_NAME, "down");
    mqtt::board_topic(state, QCOT_SITE, QCOT_BRIDGE, QCOT_NAME, "state");
}

// Whoever talks on the cable has the board, until he has been silent for a while: the cable itself cannot tell whether anybody is there.
void line_poll() {
    if (Serial.available()) {
        cable_at = millis();
        cabled = true;
    }
    if (millis() - cable_at >= kCableMs) cabled = false;
}

void networked(bool enrolled) {
    const bool wanted = enrolled && !cabled;
    if (wanted && WiFi.status() != WL_CONNECTED && (wifi_at == 0 || millis() - wifi_at >= kAgainMs)) {
        wifi_at = millis() | 1;
        WiFi.begin(QCOT_WIFI_SSID, QCOT_WIFI_PASSWORD);
    }
    if (joined != wanted) wanted ? client.join() : client.leave();
    joined = wanted;
    client.poll(millis());
}

int16_t serial_read() {
    if (Serial.available()) return int16_t(Serial.read());
    return cabled ? int16_t(-1) : client.read();
}

bool serial_idle() { return cabled || !client.up() || client.ready(); }

void serial_send(const uint8_t* data, uint16_t size) {
    if (client.up() && !cabled) {
        client.publish(data, size);
    } else {
        Serial.write(data, size);
    }
}

}  // namespace hal
}  // namespace qcot

#endif
