"""The authority's files: killed at any time, a full disk, two at once, keys from elsewhere, damage."""

import os
import shutil
import signal
import sqlite3
import stat

from authority_site import BRIDGE, NOW, bridge_request, name
from qcot.authority import records
from qcot.authority.store import AuthorityStore
from qcot.certificates import authority
from qcot.crypto.signing import ML_DSA_44, SigningKey
from small_disk import fill


def forked(work):
    """Run ``work`` in a process of its own; gives its id."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return child


def test_a_certificate_that_was_given_out_is_on_disk_whenever_the_authority_is_killed(folder):
    requests = [bridge_request(called=f"bridge-{at}") for at in range(40)]
    reading, writing = os.pipe()

    def issue():
        with AuthorityStore(folder) as store:
            store.open_window(600, NOW)
            for each in requests:
                os.write(writing, store.issue(each, NOW).hash)

    child = forked(issue)
    os.close(writing)
    with os.fdopen(reading, "rb") as given:
        heard = given.read(32 * 5)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        heard += given.read()
    hashes = [heard[at : at + 32] for at in range(0, len(heard), 32)]
    with AuthorityStore(folder) as store:
        kept = [each.hash for each in store.issued()[1:]]
        assert kept[: len(hashes)] == hashes
        assert len(kept) <= len(hashes) + 1
        again = [store.issue(each, NOW).hash for each in requests[: len(hashes)]]
        assert again == hashes


def test_the_same_request_at_the_same_time_from_two_processes_gets_one_certificate(folder):
    with AuthorityStore(folder) as store:
        store.open_window(600, NOW)
    asked = bridge_request()
    reading, writing = os.pipe()

    def issue():
        with AuthorityStore(folder) as store:
            os.write(writing, store.issue(asked, NOW).hash)

    for child in [forked(issue) for _ in range(3)]:
        os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading, "rb") as given:
        heard = given.read()
    with AuthorityStore(folder) as store:
        assert heard == store.issued()[1].hash * 3
        assert len(store.issued()) == 2


def test_a_command_waits_for_another_and_says_so_when_that_takes_too_long(store, folder, monkeypatch):
    monkeypatch.setattr(records, "_WAIT", 0.05)
    with AuthorityStore(folder) as second, store._records.writing():
        assert name(second.issue, bridge_request(), NOW) == "authority-busy"
        assert second.window(NOW) == NOW + 600
    assert store.issue(bridge_request(), NOW)


def test_a_full_disk_gives_out_nothing_and_once_there_is_room_it_goes_on(made, small_disk):
    folder = shutil.copytree(made, small_disk / "authority")
    with AuthorityStore(folder) as store:
        store.open_window(600, NOW)
        ballast = fill(small_disk)
        asked = bridge_request()
        assert name(store.issue, asked, NOW) in ("authority-disk-full", "authority-io")
        assert len(store.issued()) == 1
        ballast.unlink()
        assert store.issue(asked, NOW).name == "attic"
    with AuthorityStore(folder) as store:
        assert len(store.issued()) == 2


def test_a_rotation_that_was_killed_before_its_last_step_ends_by_itself(rotated, tmp_path):
    folder = shutil.copytree(rotated, tmp_path / "authority")
    # What the disk holds between the commit and the renaming.
    (folder / "issuing.seed").rename(folder / "issuing.next.seed")
    shutil.copy2(rotated.parent / "issuing.old", folder / "issuing.seed")
    with AuthorityStore(folder) as store:
        new = store.issuer()
        assert store.issue(bridge_request(called="loft"), NOW).issuer == new.kid
    assert not (folder / "issuing.next.seed").exists()
    assert SigningKey(ML_DSA_44, (folder / "issuing.seed").read_bytes()).public_key.kid == new.kid


def test_an_authority_whose_making_was_killed_is_made_with_the_keys_that_were_left(made, tmp_path):
    folder = shutil.copytree(made, tmp_path / "authority")
    (folder / "issued.sqlite").rename(folder / ".issued.sqlite.new")
    (folder / "kem.seed").unlink()
    with AuthorityStore.create(folder, site="lab", now=NOW) as store, AuthorityStore(made) as other:
        assert (store.root, store.issuer().kid) == (other.root, other.issuer().kid)
        assert store.public.kem != other.public.kem
        assert authority.parse(store.public.text) == store.public
    assert name(AuthorityStore.create, folder, site="lab", now=NOW) == "authority-exists"


def test_nobody_else_may_read_the_authoritys_files(store, folder):
    store.issue(bridge_request(), NOW)
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert {"root.key", "issuing.seed", "kem.seed", "issued.sqlite"} <= files.keys()
    assert [each for each, mode in files.items() if mode & 0o077] == []
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_key_that_others_can_read_or_of_another_length_is_refused(store, folder):
    (folder / "issuing.seed").chmod(0o644)
    assert name(store.issue, bridge_request(), NOW) == "key-file-mode"
    (folder / "issuing.seed").chmod(0o600)
    (folder / "issuing.seed").write_bytes(bytes(31))
    assert name(store.issue, bridge_request(), NOW) == "key-file-bad"
    (folder / "issuing.seed").write_bytes(bytes(32))
    assert name(store.issue, bridge_request(), NOW) == "issuer-key-differs"
    (folder / "issuing.seed").unlink()
    assert name(store.issue, bridge_request(), NOW) == "key-file-missing"
    assert len(store.issued()) == 1


def test_keys_may_come_as_credentials_of_systemd(store, folder, tmp_path, monkeypatch):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    for each in ("issuing.seed", "kem.seed", "root.key"):
        (folder / each).rename(credentials / f"qcot.{each}")
    assert name(store.issue, bridge_request(), NOW) == "key-file-missing"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert store.issue(bridge_request(), NOW).name == "attic"
    assert store.anchor(origin="o", size=1, root=bytes(32), now_ms=0)


def test_what_is_no_authority_is_named(made, tmp_path):
    assert name(AuthorityStore, tmp_path) == "authority-missing"
    folder = shutil.copytree(made, tmp_path / "authority")
    (folder / "issued.sqlite").write_bytes(b"no database at all, but long enough to look like one" * 100)
    assert name(AuthorityStore, folder) == "authority-damaged"
    (folder / "issued.sqlite").unlink()
    with sqlite3.connect(folder / "issued.sqlite") as other:
        other.execute("CREATE TABLE something (x)")
    assert name(AuthorityStore, folder) == "authority-damaged"
    (tmp_path / "file").write_bytes(b"")
    assert name(AuthorityStore.create, tmp_path / "file" / "authority", site="lab", now=NOW) == "authority-io"


def test_a_certificate_that_was_damaged_on_disk_is_not_given_out(store, folder):
    found = store.issue(asked := bridge_request(), NOW)
    with sqlite3.connect(folder / "issued.sqlite") as other:
        other.execute("UPDATE issued SET raw = ? WHERE serial = ?", (found.raw[:-100], found.serial))
    other.close()
    assert name(store.issue, asked, NOW) == "bad-cbor"


def test_a_window_that_one_command_opens_is_open_to_another_that_runs_already(folder):
    with AuthorityStore(folder) as store, AuthorityStore(folder) as second:
        store.open_window(600, NOW)
        assert second.issue(bridge_request(), NOW).key == BRIDGE.public_key
        assert [each.kid for each in store.issued()[1:]] == [BRIDGE.public_key.kid]
