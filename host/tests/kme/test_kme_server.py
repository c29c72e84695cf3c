"""The server as any maker's client meets it: over TLS, with the members of the standard and nothing else."""

import base64
import socket
import ssl
import uuid

import pytest
from kme_site import Stranger, filled, issue
from patience import PATIENCE_S
from qcot.broker import make_certificates
from qcot.errors import QcotError
from qcot.kme import server as server_module
from qcot.kme.server import MAX_BODY, KmeServer, common_name
from qcot.kme.tls import TlsFiles
from qcot.rates import Rate


def refusal(answer):
    status, body = answer
    assert body.keys() == {"message", "details"}
    return status, body["details"][0]["name"]


def test_status_has_the_members_of_the_standard(sae):
    assert sae("bridge").get("gateway/status") == (
        200,
        {
            "source_KME_ID": "kme-near", "target_KME_ID": "kme-far", "master_SAE_ID": "bridge",
            "slave_SAE_ID": "gateway", "key_size": 256, "stored_key_count": 16, "max_key_count": 64,
            "max_key_per_request": 32, "max_key_size": 1024, "min_key_size": 64, "max_SAE_ID_count": 0,
        },
    )  # fmt: skip


@pytest.mark.parametrize("way", ["GET", "POST"])
def test_master_and_slave_get_the_same_key(sae, way):
    master, slave = sae("bridge"), sae("gateway")
    if way == "GET":
        status, container = master.get("gateway/enc_keys?number=1&size=512")
    else:
        status, container = master.post("gateway/enc_keys", {"number": 1, "size": 512, "extension_optional": [{}]})
    assert status == 200
    ((key,),) = [container["keys"]]
    assert container.keys() == {"keys"}
    assert key.keys() == {"key_ID", "key"}
    assert str(uuid.UUID(key["key_ID"])) == key["key_ID"]
    assert len(base64.b64decode(key["key"], validate=True)) == 64
    if way == "GET":
        again = slave.get(f"bridge/dec_keys?key_ID={key['key_ID']}")
    else:
        again = slave.post("bridge/dec_keys", {"key_IDs": [{"key_ID": key["key_ID"]}]})
    assert again == (200, container)


def test_a_second_copy_is_refused_in_the_words_of_the_standard(sae):
    _, container = sae("bridge").get("gateway/enc_keys")
    path = f"bridge/dec_keys?key_ID={container['keys'][0]['key_ID']}"
    assert sae("gateway").get(path)[0] == 200
    status, body = sae("gateway").get(path)
    assert (status, body["message"]) == (400, "one or more keys specified are not found on KME")


def test_nobody_reads_another_pairs_key(sae):
    _, container = sae("bridge").get("gateway/enc_keys")
    key_id = container["keys"][0]["key_ID"]
    assert refusal(sae("other").get(f"bridge/dec_keys?key_ID={key_id}")) == (401, "kme-not-yours")
    assert refusal(sae("gateway").get(f"other/dec_keys?key_ID={key_id}")) == (401, "kme-not-yours")
    assert refusal(sae("bridge").get(f"gateway/dec_keys?key_ID={key_id}")) == (401, "kme-not-yours")
    assert sae("gateway").get(f"bridge/dec_keys?key_ID={key_id}") == (200, container)


def test_wrong_requests_are_refused_in_the_words_of_the_standard_where_it_has_some(sae):
    one = sae("bridge")
    assert one.post("gateway/enc_keys", {"size": 100})[1]["message"] == "size shall be a multiple of 8"
    extended = one.post("gateway/enc_keys", {"extension_mandatory": [{"x": 1}]})
    assert extended[1]["message"] == "not all extension_mandatory parameters are supported"
    assert refusal(extended) == (400, "kme-extension")
    assert refusal(one.ask("POST", "/api/v1/keys/gateway/enc_keys", raw=b"{")) == (400, "kme-bad-request")
    assert refusal(one.post("a%2Fb/enc_keys", {})) == (400, "kme-bad-request")
    assert refusal(one.get("gateway/enc_keys?size=8&x=1")) == (400, "kme-bad-request")
    assert refusal(one.get("bridge/enc_keys")) == (400, "kme-bad-request")


def test_what_is_too_large_or_elsewhere_is_refused(sae):
    one = sae("bridge")
    big = one.ask("POST", "/api/v1/keys/gateway/enc_keys", raw=b" " * (MAX_BODY + 1))
    assert refusal(big) == (400, "kme-bad-request")
    assert refusal(one.ask("GET", "/elsewhere")) == (404, "kme-bad-request")
    assert refusal(one.ask("DELETE", "/api/v1/keys/gateway/enc_keys")) == (405, "kme-bad-request")


def test_an_empty_store_says_so(tmp_path, serve, tls):
    with filled(tmp_path, 1) as kme:
        one = Stranger(serve(kme), TlsFiles.of(tls, "bridge"))
        assert refusal(one.post("gateway/enc_keys", {"number": 2})) == (503, "kme-exhausted")
        assert one.get("gateway/enc_keys")[0] == 200
        assert refusal(one.get("gateway/enc_keys")) == (503, "kme-exhausted")


def test_each_sae_has_its_own_limit(kme, serve, tls):
    server = serve(kme, rate=Rate(per_s=0.001, burst=2))
    one, two = (Stranger(server, TlsFiles.of(tls, name)) for name in ("bridge", "other"))
    assert [one.get("gateway/status")[0] for _ in range(2)] == [200, 200]
    assert refusal(one.get("gateway/status")) == (503, "kme-too-fast")
    assert two.get("gateway/status")[0] == 200


def test_a_disk_that_fails_is_told_by_its_name_alone(kme, sae):
    kme._db.close()
    status, body = sae("bridge").get("gateway/enc_keys")
    assert (status, body["details"][0]["name"], body["message"]) == (503, "kme-out-of-order", "kme-state")


@pytest.mark.parametrize("names", [[], ["a", "b"], ["a b"], ["x" * 64 + "y"]], ids=str)
def test_a_certificate_that_names_no_one_sae_may_ask_nothing(server, tls, names):
    if any(len(name) > 64 for name in names):  # X.509 itself ends at 64
        with pytest.raises(QcotError):
            common_name({"subject": ((("commonName", names[0]),),)})
        return
    files = issue(tls, f"odd-{len(names)}-{len(''.join(names))}", names)
    assert refusal(Stranger(server, files).get("gateway/status")) == (401, "kme-no-sae")


def test_strangers_are_not_let_in(server, tls, tmp_path):
    none = TlsFiles(tls / "ca.crt", tmp_path / "none.crt", tmp_path / "none.key")
    make_certificates(tmp_path / "forged", "127.0.0.1", "bridge")
    forged = TlsFiles.of(tmp_path / "forged", "bridge")
    forged = TlsFiles(tls / "ca.crt", forged.certificate, forged.key)
    expired = issue(tls, "expired", ["bridge"], days=-1)
    for files in (none, forged, expired):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            Stranger(server, files).get("gateway/status")


def test_who_shows_no_certificate_in_time_and_who_asks_nothing_is_cut_off(kme, serve, tls, monkeypatch):
    monkeypatch.setattr(server_module, "HANDSHAKE_S", 0.2)
    monkeypatch.setattr(server_module, "IDLE_S", 0.2)
    running = serve(kme)
    with socket.create_connection((running.host, running.port), timeout=PATIENCE_S) as silent:
        assert silent.recv(1) == b""
    half = b"GET /api/v1/keys/gateway/status HTTP/1.1\r\nHost:"
    client = Stranger(running, TlsFiles.of(tls, "bridge"))
    plain = socket.create_connection(client.address, timeout=PATIENCE_S)
    with client.context.wrap_socket(plain, server_hostname=running.host) as slow:
        slow.sendall(half)
        assert slow.recv(1) == b""
    assert client.get("gateway/status")[0] == 200


def test_older_tls_is_refused(server, tls):
    with pytest.raises(ssl.SSLError):
        Stranger(server, TlsFiles.of(tls, "bridge"), maximum=ssl.TLSVersion.TLSv1_2).get("gateway/status")


def test_a_port_that_is_taken_is_named(server, kme, tls):
    with pytest.raises(QcotError) as raised:
        KmeServer(kme, TlsFiles.of(tls, "server"), port=server.port).start()
    assert raised.value.problem.name == "kme-not-started"


@pytest.mark.parametrize("missing", ["ca.crt", "server.crt", "server.key"])
def test_a_missing_file_is_named(kme, tls, tmp_path, missing):
    for name in {"ca.crt", "server.crt", "server.key"} - {missing}:
        (tmp_path / name).write_bytes((tls / name).read_bytes())
    with pytest.raises(QcotError, match=missing) as raised:
        KmeServer(kme, TlsFiles.of(tmp_path, "server"))
    assert raised.value.problem.name == "kme-tls-files"


def test_a_key_that_others_can_read_and_a_file_of_junk_are_refused(kme, tls, tmp_path):
    for name in ("ca.crt", "server.crt", "server.key"):
        (tmp_path / name).write_bytes((tls / name).read_bytes())
    (tmp_path / "server.key").chmod(0o640)
    with pytest.raises(QcotError, match="kme-key-mode"):
        KmeServer(kme, TlsFiles.of(tmp_path, "server"))
    (tmp_path / "server.key").chmod(0o600)
    (tmp_path / "server.crt").write_text("junk")
    with pytest.raises(QcotError, match="kme-tls-files"):
        KmeServer(kme, TlsFiles.of(tmp_path, "server"))
