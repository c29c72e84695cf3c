"""Our client against our server, and against one of the standard library's that answers whatever it is told."""

import base64
import json
import ssl
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from kme_site import filled
from qcot.broker import make_certificates
from qcot.errors import QcotError
from qcot.kme.client import MAX_ANSWER, KmeClient
from qcot.kme.tls import TlsFiles

ID = uuid.UUID(int=7)
KEY = {"key_ID": str(ID), "key": base64.b64encode(bytes(32)).decode()}
STATUS = {
    "source_KME_ID": "A", "target_KME_ID": "B", "master_SAE_ID": "bridge", "slave_SAE_ID": "gateway", "key_size": 256,
    "stored_key_count": 5, "max_key_count": 9, "max_key_per_request": 1, "max_key_size": 256, "min_key_size": 256,
    "max_SAE_ID_count": 0,
}  # fmt: skip


class Other:
    """Another maker's server, of TLS 1.2, that gives the same answer to everything."""

    def __init__(self, tls):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                length = int(self.headers.get("Content-Length", 0))
                outer.asked.append((self.command, self.path, json.loads(self.rfile.read(length) or "null")))
                status, headers, body = outer.answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for piece in body if isinstance(body, list) else [body]:
                    self.wfile.write(piece)
                    self.wfile.flush()
                    time.sleep(outer.pause_s)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_):
                pass

        self.answer, self.pause_s, self.asked = (200, {}, b"{}"), 0.0, []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(tls / "server.crt", tls / "server.key")
        context.load_verify_locations(tls / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"https://127.0.0.1:{self.server.server_port}/vendor"

    def says(self, body, status=200, **headers):
        self.answer = (status, headers, body if isinstance(body, bytes | list) else json.dumps(body).encode())


@pytest.fixture
def other(tls):
    made = Other(tls)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def client(other, tls):
    return KmeClient(other.url, TlsFiles.of(tls, "bridge"), timeout_s=2)


def name_of(call, *arguments):
    with pytest.raises(QcotError) as raised:
        call(*arguments)
    return raised.value.problem.name


def test_both_ends_of_our_own_server(server, tls):
    bridge, gateway = (KmeClient(server.url, TlsFiles.of(tls, name)) for name in ("bridge", "gateway"))
    keys = bridge.enc_keys("gateway", 3, 384)
    assert gateway.dec_keys("bridge", [key.id for key in reversed(keys)], 384) == tuple(reversed(keys))
    assert name_of(gateway.dec_keys, "bridge", [keys[0].id], 384) == "kme-refused"
    assert name_of(bridge.dec_keys, "bridge", [bridge.enc_keys("gateway")[0].id]) == "kme-unauthorized"
    found = bridge.status("gateway")
    assert (found.master_sae, found.slave_sae, found.stored_key_count) == ("bridge", "gateway", 9)


def test_an_exhausted_link_is_told_from_a_refusal(serve, tmp_path, tls):
    with filled(tmp_path, 0) as kme:
        client = KmeClient(serve(kme).url, TlsFiles.of(tls, "bridge"))
        assert name_of(client.enc_keys, "gateway") == "kme-exhausted"
        assert name_of(client.enc_keys, "gateway", 100) == "kme-refused"


def test_what_is_asked_is_what_the_standard_says(other, client):
    other.says({"keys": [KEY | {"key_extension": {}}], "key_container_extension": {}})
    assert client.enc_keys("gateway")[0].secret == bytes(32)
    assert client.dec_keys("b.2", [ID])[0].id == ID
    other.says(STATUS | {"status_extension": {}})
    assert client.status("gateway").target_kme == "B"
    assert other.asked == [
        ("POST", "/vendor/api/v1/keys/gateway/enc_keys", {"number": 1, "size": 256}),
        ("POST", "/vendor/api/v1/keys/b.2/dec_keys", {"key_IDs": [{"key_ID": str(ID)}]}),
        ("GET", "/vendor/api/v1/keys/gateway/status", None),
    ]


ANSWERS = [
    b"", b"not JSON", b"[]", b"null", b'{"keys": 1}', b'{"keys": []}', b'{"keys": [1]}', b'{"keys": [], "keys": []}',
    {"keys": [KEY, KEY]}, {"keys": [KEY | {"key": "AAAA"}]}, {"keys": [KEY | {"key": KEY["key"] + "!"}]},
    {"keys": [KEY | {"key_ID": "seven"}]}, {"keys": [KEY | {"key_ID": 7}]}, {"keys": [{"key": KEY["key"]}]},
    {"keys": [{"key_ID": str(ID)}]}, {"keys": [KEY | {"key": 1}]},
]  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_what_is_no_answer_of_the_standard_is_refused(other, client, answer):
    other.says(answer)
    assert name_of(client.enc_keys, "gateway") == "kme-bad-answer"
    assert name_of(client.dec_keys, "bridge", [ID]) == "kme-bad-answer"
    assert name_of(client.status, "gateway") == "kme-bad-answer"


def test_another_key_than_the_one_asked_for_is_refused(other, client):
    other.says({"keys": [KEY]})
    assert name_of(client.dec_keys, "bridge", [uuid.UUID(int=8)]) == "kme-bad-answer"


@pytest.mark.parametrize("member", STATUS)
def test_a_status_without_a_member_or_with_one_of_another_kind_is_refused(other, client, member):
    for wrong in ({name: value for name, value in STATUS.items() if name != member}, STATUS | {member: True}):
        other.says(wrong)
        assert name_of(client.status, "gateway") == "kme-bad-answer"


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "kme-refused"), (401, "kme-unauthorized"), (404, "kme-refused"), (503, "kme-exhausted"),
        (500, "kme-unavailable"), (302, "kme-bad-answer"), (204, "kme-bad-answer"),
    ],
)  # fmt: skip
def test_refusals_are_told_apart_and_quote_the_server(other, client, status, name):
    other.says({"message": "so it is", "details": []}, status, Location="https://127.0.0.1:1/")
    with pytest.raises(QcotError) as raised:
        client.enc_keys("gateway")
    assert raised.value.problem.name == name
    assert status in {204, 302} or "so it is" in raised.value.reason
    assert len(other.asked) == 1  # no redirect is followed, nothing is asked twice
    other.says(b"<html>", status)
    if status == 503:
        assert name_of(client.status, "gateway") == "kme-unavailable"


def test_an_endless_answer_is_cut_off(other, client):
    other.says([b" " * 65536] * (MAX_ANSWER // 65536 + 1))
    assert name_of(client.status, "gateway") == "kme-bad-answer"


def test_an_answer_in_drops_is_given_up(other, tls):
    other.says([b" "] * 100)
    other.pause_s = 0.05
    assert name_of(KmeClient(other.url, TlsFiles.of(tls, "bridge"), timeout_s=0.2).status, "x") == "kme-unreachable"


def test_a_server_that_is_silent_or_away_is_unreachable(other, tls):
    other.says([b"", b"{}"])
    other.pause_s = 1.0
    client = KmeClient(other.url, TlsFiles.of(tls, "bridge"), timeout_s=0.1)
    assert name_of(client.status, "gateway") == "kme-unreachable"
    other.server.shutdown()
    other.server.server_close()
    with pytest.raises(QcotError, match=r"^kme-unreachable: https://\S+/status: Connection refused$"):
        client.status("gateway")


def test_a_server_of_another_authority_or_another_name_gets_nothing(other, tls, tmp_path):
    make_certificates(tmp_path / "others", "127.0.0.1", "bridge")
    mine = TlsFiles.of(tls, "bridge")
    foreign = TlsFiles(tmp_path / "others" / "ca.crt", mine.certificate, mine.key)
    assert name_of(KmeClient(other.url, foreign).status, "gateway") == "kme-tls"
    assert name_of(KmeClient(other.url.replace("127.0.0.1", "localhost"), mine).status, "gateway") == "kme-tls"
    assert other.asked == []


def test_files_that_are_missing_or_open_to_others_are_named_at_once(tls, tmp_path):
    assert name_of(KmeClient, "https://127.0.0.1:1", TlsFiles.of(tls, "nobody")) == "kme-tls-files"
    key = tmp_path / "open.key"
    key.write_bytes((tls / "bridge.key").read_bytes())
    key.chmod(0o644)
    files = TlsFiles(tls / "ca.crt", tls / "bridge.crt", key)
    assert name_of(KmeClient, "https://127.0.0.1:1", files) == "kme-key-mode"


def test_a_name_that_would_change_the_path_is_not_sent(other, client):
    for name in ("a/../b", "", "a?b", "é", ".", ".."):
        assert name_of(client.status, name) == "kme-sae"
    assert other.asked == []
