// The MQTT client against packets written out by hand from the OASIS standard.
#include <string>

#include "mqtt/client.h"
#include "support/harness.h"
#include "support/scripted_socket.h"

using namespace qcot::mqtt;
using namespace qcot_test;
using std::string;

namespace {

const char kUp[] = "q/u", kDown[] = "q/d", kState[] = "q/s";
const Account kAnonymous = {"id", nullptr, nullptr, kUp, kDown, kState};
const Account kKnown = {"id", "bed", "pw", kUp, kDown, kState};

const string kConnack("\x20\x02\0\0", 4), kSuback("\x90\x03\0\x01\0", 5), kPingresp("\xD0\0", 2);
// Will QoS 1 retained "0", clean session, keep alive 10 s (section 3.1).
const string kConnect("\x10\x16\0\4MQTT\4\x2E\0\x0A\0\2id\0\3q/s\0\1" "0", 24);
const string kSubscribe("\x82\x08\0\1\0\3q/d\0", 10);
const string kHere("\x33\x08\0\3q/s\0\2" "1", 10);
const string kAway("\x33\x08\0\3q/s\0\2" "0", 10), kDisconnect("\xE0\0", 2), kPingreq("\xC0\0", 2);

string message(const string& topic, const string& payload, int flags = 0, int id = 0) {
    string body = string(1, char(topic.size() >> 8)) + char(topic.size()) + topic;
    if (flags & 6) body += string(1, char(id >> 8)) + char(id);
    body += payload;
    string out(1, char(0x30 | flags));
    size_t left = body.size();
    do {
        out += char((left & 0x7F) | (left > 127 ? 0x80 : 0));
        left >>= 7;
    } while (left);
    return out + body;
}

struct Line {
    ScriptedSocket socket;
    Client client;
    uint32_t now = 1000;

    explicit Line(const Account& account = kAnonymous) : client(socket, account) { client.join(); }

    string poll(uint32_t ms = 0) {
        now += ms;
        socket.said.clear();
        client.poll(now);
        return socket.said;
    }
    string hear(const string& bytes) {
        socket.heard += bytes;
        return poll();
    }
    void go_up() {
        poll();
        poll();
        hear(kConnack);
        hear(kSuback);
    }
    string read() {
        string out;
        for (int16_t byte; (byte = client.read()) >= 0;) out += char(byte);
        return out;
    }
};

}  // namespace

TEST(a_topic_holds_names_that_no_broker_reads_anything_into) {
    char topic[kMaxTopic + 1];
    CHECK(board_topic(topic, "home", "bridge", "bed-3", "up"));
    CHECK(string(topic) == "qcot/v1/home/bridge/boards/bed-3/up");
    const string longest(64, 'x'), longer(65, 'x');
    CHECK(board_topic(topic, longest.c_str(), longest.c_str(), longest.c_str(), "state"));
    CHECK(strlen(topic) <= kMaxTopic);
    for (const char* bad : {"", "a/b", "+", "#", "a b", "\xC3\xA4", longer.c_str()}) {
        CHECK(!board_topic(topic, bad, "b", "n", "up"));
        CHECK(!board_topic(topic, "s", bad, "n", "up"));
        CHECK(!board_topic(topic, "s", "b", bad, "up"));
    }
}

TEST(it_introduces_itself_subscribes_and_only_then_says_that_it_is_there) {
    Line line;
    CHECK(line.poll() == "");
    CHECK(line.poll() == kConnect);
    CHECK(!line.client.up());
    CHECK(line.hear(kConnack) == kSubscribe);
    CHECK(!line.client.up());
    CHECK(!line.client.publish(reinterpret_cast<const uint8_t*>("x"), 1));
    CHECK(line.hear(kSuback) == kHere);
    CHECK(line.client.up());
    CHECK_EQUAL(line.client.counters().connections, 1);
}

TEST(user_and_password_are_said_where_there_are_any) {
    Line line(kKnown);
    line.poll();
    CHECK(line.poll() == string("\x10\x1F\0\4MQTT\4\xEE\0\x0A\0\2id\0\3q/s\0\1" "0\0\3bed\0\2pw", 33));
}

TEST(a_board_that_leaves_says_so_and_stays_away) {
    Line line;
    line.go_up();
    line.socket.said.clear();
    line.client.leave();
    CHECK(line.socket.said == kAway + kDisconnect);
    CHECK(line.poll(60000) == "");
    CHECK_EQUAL(line.socket.attempts, 1);
    line.client.join();
    line.poll();
    CHECK_EQUAL(line.socket.attempts, 2);
}

TEST(a_message_is_handed_on_between_delimiters_whatever_is_in_it) {
    Line line;
    line.go_up();
    const string payload("a\0b", 3);
    CHECK(line.hear(message(kDown, payload) + message(kDown, "")) == "");
    CHECK(line.read() == string("\0a\0b\0\0\0", 7));
}

TEST(packets_cut_at_any_byte_are_the_same_packets) {
    Line line;
    line.poll();
    line.poll();
    const string longest(kMaxPayload, 'y');
    const string all = kConnack + kSuback + message(kDown, "xy") + message(kDown, longest) + message(kDown, "z");
    for (char byte : all) line.hear(string(1, byte));
    CHECK(line.read() == string("\0xy\0\0", 5) + longest + string("\0\0z\0", 4));
}

TEST(what_is_for_others_or_was_kept_by_the_broker_is_counted_and_not_heard) {
    Line line;
    line.go_up();
    line.hear(message("q/x", "1") + message("q/d2", "2") + message(kUp, "3") + message(kDown, "4", 1));
    CHECK(line.read() == "");
    CHECK_EQUAL(line.client.counters().foreign, 4);
    CHECK(line.client.up());
}

TEST(a_message_that_is_too_long_is_noise_and_the_next_one_is_heard) {
    for (const size_t size : {size_t(kMaxPayload + 1), size_t(kMaxBody + 1), size_t(70000), size_t(2100000)}) {
        Line line;
        line.go_up();
        const string both = message(kDown, string(size, 'x')) + message(kDown, "y");
        for (size_t at = 0; at < both.size(); at += 2000) line.hear(both.substr(at, 2000));
        CHECK(line.read() == string("\0\1\0\0y\0", 6));
        CHECK_EQUAL(line.client.counters().dropped, 1);
    }
}

TEST(a_flood_that_nobody_reads_is_dropped_whole_message_by_whole_message) {
    Line line;
    line.go_up();
    for (int i = 0; i < 100; ++i) line.hear(message(kDown, string(50, char('A' + i % 26))));
    const string kept = line.read();
    CHECK_EQUAL(kept.size() % 52, 0);
    CHECK_EQUAL(line.client.counters().dropped, 100 - kept.size() / 52);
    CHECK(line.client.up());
}

TEST(qos_1_is_acknowledged_and_qos_2_ends_the_connection) {
    Line line;
    line.go_up();
    CHECK(line.hear(message(kDown, "x", 2, 0x1234)) == string("\x40\x02\x12\x34", 4));
    CHECK(line.read() == string("\0x\0", 3));
    line.hear(message(kDown, "x", 4, 1));
    CHECK(line.socket.now == Socket::State::closed);
    CHECK_EQUAL(line.client.counters().broken, 1);
}

TEST(packets_that_no_broker_sends_end_the_connection_and_it_comes_back) {
    const string bad[] = {
        string("\x30\xFF\xFF\xFF\xFF\x01", 6),       // a length of five bytes
        string("\x36\x07\0\3q/d\0\1", 9),            // QoS 3
        string("\x30\x05\0\x09q/d", 7),              // a topic longer than the packet
        string("\x30\x02\0\0", 4),                   // an empty topic
        string("\x30\x01\0", 3),                     // no room for its length
        string("\x32\x05\0\3q/d", 7),                // QoS 1 without an identifier
        string("\x32\x07\0\3q/d\0\0", 9),            // identifier 0
        kConnack, kSuback,                           // again
        string("\x10\0", 2), string("\x82\0", 2), string("\xC0\0", 2), string("\xE0\0", 2), string("\0\0", 2),
        string("\xF0\0", 2), string("\xD0\1x", 3), string("\xD1\0", 2), string("\x40\x02\0\7", 4),
    };
    for (const string& bytes : bad) {
        Line line;
        line.go_up();
        line.hear(bytes);
        CHECK(!line.client.up());
        CHECK(line.socket.now == Socket::State::closed);
        CHECK_EQUAL(line.client.counters().broken, 1);
        line.poll(1000);
        line.go_up();
        CHECK(line.client.up());
        line.hear(message(kDown, "y"));
        CHECK(line.read() == string("\0y\0", 3));
    }
}

TEST(nothing_is_heard_before_the_broker_has_accepted) {
    Line line;
    line.poll();
    line.poll();
    line.hear(message(kDown, "x"));
    CHECK(line.read() == "");
    CHECK_EQUAL(line.client.counters().broken, 1);
}

TEST(a_refusal_is_counted_and_tried_again_ever_later_but_within_half_a_minute) {
    Line line;
    uint32_t longest = 0, last = 0;
    for (unsigned attempt = 1; attempt <= 14; ++attempt) {
        uint32_t waited = 0;
        while (line.socket.attempts < attempt) {
            line.poll(100);
            waited += 100;
        }
        CHECK(waited <= 30100);
        CHECK(attempt < 4 || attempt > 6 || waited >= last);
        last = waited;
        if (waited > longest) longest = waited;
        line.poll();
        line.hear(string("\x20\x02\0\5", 4));  // not authorized
    }
    CHECK_EQUAL(line.client.counters().refused, 14);
    CHECK(longest > 15000);
}

TEST(a_refused_subscription_is_a_refusal) {
    Line line;
    line.poll();
    line.poll();
    line.hear(kConnack);
    line.hear(string("\x90\x03\0\x01\x80", 5));
    CHECK(!line.client.up());
    CHECK_EQUAL(line.client.counters().refused, 1);
}

TEST(a_silent_line_is_pinged_and_one_that_does_not_answer_is_left) {
    Line line;
    line.go_up();
    CHECK(line.poll(4999) == "");
    CHECK(line.poll(1) == kPingreq);
    CHECK(line.poll(4000) == "");
    line.hear(kPingresp);
    CHECK(line.poll(1000) == kPingreq);
    CHECK(line.poll(9999) == "");
    CHECK(line.client.up());
    line.poll(1);
    CHECK(!line.client.up());
    CHECK_EQUAL(line.client.counters().lost, 1);
}

TEST(a_broker_that_answers_nothing_is_given_up) {
    for (const string& heard : {string(), kConnack}) {
        Line line;
        line.poll();
        line.poll();
        line.hear(heard);
        line.poll(9999);
        CHECK_EQUAL(line.client.counters().lost, 0);
        line.poll(1);
        CHECK_EQUAL(line.client.counters().lost, 1);
    }
}

TEST(a_connection_that_ends_is_made_again) {
    Line line;
    line.go_up();
    line.socket.close();
    line.poll();
    CHECK(!line.client.up());
    line.poll(500);
    line.go_up();
    CHECK(line.client.up());
    CHECK_EQUAL(line.client.counters().connections, 2);
}

TEST(frames_go_out_whole_however_little_the_socket_takes) {
    Line line;
    line.go_up();
    line.socket.takes = 0;
    const string frame(kMaxPayload, 'f');
    unsigned taken = 0;
    for (int i = 0; i < 20; ++i) {
        const bool ready = line.client.ready();
        const bool went = line.client.publish(reinterpret_cast<const uint8_t*>(frame.data()), kMaxPayload);
        CHECK(ready == went);
        taken += went;
    }
    CHECK(taken >= 1 && taken < 5);
    CHECK(!line.client.publish(reinterpret_cast<const uint8_t*>(frame.data()), kMaxPayload + 1));
    line.socket.takes = 7;
    string said;
    for (int i = 0; i < 200; ++i) said += line.poll();
    string wanted;
    for (unsigned i = 0; i < taken; ++i) wanted += message(kUp, frame);
    CHECK(said == wanted);
}

QCOT_TEST_MAIN("mqtt")
