#ifdef __unix__

#include "hal/posix/port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "hal/hal.h"
#include "hal/posix/network.h"

namespace qcot {
namespace hal {
namespace {

int master = -1;
const char* link_path;
char slave_path[64];
bool connected;

uint8_t received[256];
size_t received_at, received_size;
const uint8_t* out;
size_t out_left;

const uint8_t kDelimiter = 0;

[[noreturn]] void give_up(const char* what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

// A real line does not keep for the next listener what the last one left unread.
void forget() {
    const int slave = open(slave_path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave >= 0) {
        tcflush(slave, TCIOFLUSH);
        close(slave);
    }
    received_at = received_size = out_left = 0;
}

// Nobody has the other end open: poll() would report that without end, so it is asked once a wait.
bool listener() {
    pollfd fd = {master, POLLIN, 0};
    const bool there = poll(&fd, 1, 0) >= 0 && !(fd.revents & POLLHUP);
    if (there != connected) {
        connected = there;
        if (there) {
            serial_send(&kDelimiter, 1);
        } else {
            forget();
        }
    }
    return there;
}

void flush() {
    while (out_left) {
        const ssize_t written = write(master, out, out_left);
        if (written <= 0) {
            if (errno != EAGAIN && errno != EINTR) out_left = 0;
            return;
        }
        out += written;
        out_left -= size_t(written);
    }
}

}  // namespace

void port_open(const char* link) {
    master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (master < 0 || grantpt(master) || unlockpt(master) || ptsname_r(master, slave_path, sizeof slave_path)) {
        give_up("no pseudo-terminal");
    }
    termios raw;
    if (tcgetattr(master, &raw)) give_up(slave_path);
    cfmakeraw(&raw);
    if (tcsetattr(master, TCSANOW, &raw)) give_up(slave_path);
    forget();
    if (link) {
        unlink(link);
        if (symlink(slave_path, link)) give_up(link);
        link_path = link;
    }
    printf("port: %s\n", slave_path);
    fflush(stdout);
}

void port_close() {
    network_end();
    if (link_path) unlink(link_path);
    if (master >= 0) close(master);
}

void port_wait(uint64_t us) {
    constexpr uint64_t kAskAgainUs = 50000;
    const bool there = listener();
    if (!there && us > kAskAgainUs) us = kAskAgainUs;
    const timespec timeout = {time_t(us / 1000000), long(us % 1000000) * 1000};
    bool writes;
    const int network = network_fd(writes);
    // A negative one is passed over.
    pollfd fds[] = {
        {there ? master : -1, short(POLLIN | (out_left ? POLLOUT : 0)), 0},
        {network, short(POLLIN | (writes ? POLLOUT : 0)), 0},
    };
    ppoll(fds, 2, &timeout, nullptr);
    if (fds[0].revents & POLLOUT) flush();
}

int16_t serial_read() {
    if (received_at == received_size) {
        if (!connected) return network_read();
        const ssize_t size = read(master, received, sizeof received);
        if (size <= 0) return -1;
        received_at = 0;
        received_size = size_t(size);
    }
    return received[received_at++];
}

bool serial_idle() {
    if (!connected) return network_ready();
    if (out_left) flush();
    return out_left == 0;
}

void serial_send(const uint8_t* data, uint16_t size) {
    if (!connected) return network_send(data, size);  // or said to nobody
    out = data;
    out_left = size;
    flush();
}

// A cable in which somebody listens comes first.
void networked(bool enrolled) { network_poll(millis(), enrolled && !connected); }

}  // namespace hal
}  // namespace qcot

#endif
