#ifdef __unix__

#include "hal/posix/network.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mqtt/client.h"

namespace qcot {
namespace hal {
namespace {

class TcpSocket final : public mqtt::Socket {
public:
    char host[256];
    char port[6];

    // The name is looked up by a thread, one at a time: a name server that is away takes longer than a board may stand still.
    void connect() override {
        close();
        if (!asked_) asked_ = pthread_create(&asking_, nullptr, look_up, this) == 0;
        if (asked_) state_ = State::opening;
    }

    State state() override {
        if (state_ != State::opening) return state_;
        if (asked_) {
            if (pthread_tryjoin_np(asking_, nullptr)) return state_;
            asked_ = false;
            begin();
            if (state_ != State::opening) return state_;
        }
        pollfd ready = {fd_, POLLOUT, 0};
        if (::poll(&ready, 1, 0) <= 0) return state_;
        int error = 0;
        socklen_t size = sizeof error;
        if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) || error) {
            close();
        } else {
            state_ = State::open;
        }
        return state_;
    }

    uint16_t read(uint8_t* to, uint16_t room) override {
        if (state_ != State::open) return 0;
        return done(recv(fd_, to, room, 0), true);
    }

    uint16_t write(const uint8_t* from, uint16_t size) override {
        if (state_ != State::open) return 0;
        return done(send(fd_, from, size, MSG_NOSIGNAL), false);
    }

    void close() override {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
        state_ = State::closed;
    }

    int fd() const { return fd_; }

private:
    static void* look_up(void* self) {
        TcpSocket& socket = *static_cast<TcpSocket*>(self);
        addrinfo hints = {};
        hints.ai_socktype = SOCK_STREAM;
        if (getaddrinfo(socket.host, socket.port, &hints, &socket.found_)) socket.found_ = nullptr;
        return nullptr;
    }

    // To the address that was found.
    void begin() {
        if (!found_) return close();
        fd_ = socket(found_->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const int at_once = 1;
        if (fd_ >= 0) setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
        if (fd_ < 0 || (::connect(fd_, found_->ai_addr, found_->ai_addrlen) && errno != EINPROGRESS)) close();
        freeaddrinfo(found_);
        found_ = nullptr;
    }

    uint16_t done(ssize_t size, bool ends) {
        if (size > 0) return uint16_t(size);
        if ((size == 0 && ends) || (size < 0 && errno != EAGAIN && errno != EINTR)) close();
        return 0;
    }

    int fd_ = -1;
    State state_ = State::closed;
    pthread_t asking_ = 0;
    bool asked_ = false;        // and not joined: found_ is the thread's
    addrinfo* found_ = nullptr;
};

constexpr uint16_t kMaxPassword = 128;
char up[mqtt::kMaxTopic + 1], down[mqtt::kMaxTopic + 1], state_topic[mqtt::kMaxTopic + 1];
char client_id[16 + 64 + 1];
char password[kMaxPassword + 2];
mqtt::Account account = {client_id, nullptr, nullptr, up, down, state_topic};
TcpSocket tcp;
mqtt::Client client(tcp, account);
bool used;
bool joined;

[[noreturn]] void refuse(const char* what, const char* why) {
    fprintf(stderr, "--%s: %s\n", what, why);
    exit(2);
}

void split_address(const char* address) {
    const char* const colon = strrchr(address, ':');
    const char* begin = address;
    if (!colon || colon == address || !colon[1] || strlen(colon + 1) >= sizeof tcp.port) refuse("mqtt", "expected HOST:PORT");
    const char* end = colon;
    if (*begin == '[' && end[-1] == ']') {
        ++begin;
        --end;
    }
    if (size_t(end - begin) >= sizeof tcp.host) refuse("mqtt", "the host's name is too long");
    memcpy(tcp.host, begin, size_t(end - begin));
    strcpy(tcp.port, colon + 1);
    if (tcp.port[strspn(tcp.port, "0123456789")]) refuse("mqtt", "expected HOST:PORT");
}

void read_password(const char* path) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status)) refuse("password-file", strerror(errno));
    if (status.st_mode & 077) refuse("password-file", "others can read it: chmod 600");
    const ssize_t size = read(file, password, sizeof password - 1);
    close(file);
    if (size < 0) refuse("password-file", strerror(errno));
    password[size] = 0;
    password[strcspn(password, "\r\n")] = 0;
    if (!*password || strlen(password) > kMaxPassword) refuse("password-file", "expected one line of 1 to 128 bytes");
}

}  // namespace

void network_begin(const NetworkOptions& options) {
    if (!options.broker) return;
    split_address(options.broker);
    if (!options.name) refuse("mqtt", "--name is missing");
    if (!mqtt::board_topic(up, options.site, options.bridge, options.name, "up") ||
        !mqtt::board_topic(down, options.site, options.bridge, options.name, "down") ||
        !mqtt::board_topic(state_topic, options.site, options.bridge, options.name, "state")) {
        refuse("name", "a site, a bridge and a board have 1 to 64 characters of a-z A-Z 0-9 _ -");
    }
    snprintf(client_id, sizeof client_id, "qcot-board-%s", options.name);
    if (options.user && strlen(options.user) > 64) refuse("user", "expected at most 64 bytes");
    account.user = options.user;
    if (options.password_file) {
        read_password(options.password_file);
        account.password = password;
        if (!account.user) account.user = options.name;
    }
    used = true;
}

void network_end() {
    if (joined) client.leave();
}

int network_fd(bool& writes) {
    writes = client.wants_to_write();
    return tcp.fd();
}

void network_poll(uint32_t now, bool wanted) {
    if (!used) return;
    if (joined && !wanted) client.leave();
    if (!joined && wanted) client.join();
    joined = wanted;
    client.poll(now);
}

int16_t network_read() { return joined ? client.read() : int16_t(-1); }

bool network_ready() { return !joined || !client.up() || client.ready(); }

void network_send(const uint8_t* data, uint16_t size) {
    if (joined) client.publish(data, size);
}

}  // namespace hal
}  // namespace qcot

#endif
