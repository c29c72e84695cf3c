"""`qcot record` as a person uses it: seal, share, open, revoke, erase; and what it says where that cannot be done."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from qcot.authority.registration import found
from qcot.bridge import spool
from qcot.cli import app as entry
from qcot.crypto.signing import ML_DSA_44, SigningKey
from qcot.custody.identities import PublicIdentity
from qcot.custody.of_home import custodian_of
from qcot.home import Home
from qcot.ledger import closing, transactions
from qcot.ledger.store import Ledger
from qcot.ledger.transactions import StatementEntry
from qcot.records.batch import Batch, HandedOut, Item
from qcot.records.statements import Publish, build
from qcot.settings import Settings

Run = Callable[..., tuple[int, str, str]]
NOTE = "no known allergies\n"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `qcot record` with these words; gives exit status, standard output and standard error."""

    def record(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["qcot", "record", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            entry.run()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(ended.value.code or 0), out, err

    monkeypatch.setenv("QCOT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.chdir(tmp_path)
    return record


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an authority, as `qcot init` makes it, and two identities.

    Made once, because the root's signatures take their time.
    """
    made = found(tmp_path_factory.mktemp("founded") / "home", Settings(), time.time_ns() // 10**9)
    with custodian_of(made) as custodian:
        for name in ("ada", "doctor"):
            custodian.identities.create(name)
            custodian.identities.hand_out(name, custodian.fresh(name).public)
    return made.path


@pytest.fixture
def home(founded: Path, tmp_path: Path) -> Home:
    return Home(shutil.copytree(founded, tmp_path / "home"))


@pytest.fixture
def ledger(home: Home) -> Iterator[None]:
    """A ledger that takes whatever is submitted, as bridge and gateway do; the spool and the ledger are real."""
    stop = threading.Event()
    settings, done, sequence = home.settings(), set(), 0
    keeper = closing.Bookkeeper(settings.gateway.name, home.gateway_key(), 64)
    opened = Ledger.open_or_create(home.ledger, site=settings.site, origin=settings.log_origin, authority=home.root())

    def append(*statements: bytes) -> None:
        nonlocal sequence
        sequence += 1
        raw = transactions.build(
            home.bridge_key(), site=settings.site, bridge=settings.bridge.name, sequence=sequence, time=1,
            policy=settings.policy, entries=[StatementEntry(each) for each in statements],
        )  # fmt: skip
        opened.append_transactions([transactions.parse(raw)])
        closing.close_run(opened, keeper, now=0, seed=1)

    def take() -> None:
        while not stop.wait(0.01):
            for file in set(spool.folder(home.path).glob("*.cbor")) - done:
                done.add(file)
                append(file.read_bytes())

    append(*home.chain("bridge"))
    taker = threading.Thread(target=take)
    taker.start()
    yield
    stop.set()
    taker.join()
    opened.close()


@pytest.fixture
def note(tmp_path: Path) -> Path:
    file = tmp_path / "note.txt"
    file.write_text(NOTE)
    return file


def answer(result: tuple[int, str, str]) -> dict:
    status, out, err = result
    assert status == 0, out + err
    return json.loads(out)


def refused(result: tuple[int, str, str]) -> str:
    status, _, err = result
    assert status == 1
    assert "what to do: " in err
    return err.split(":")[0]


@pytest.mark.usefixtures("ledger")
def test_a_record_is_published_shared_opened_revoked_and_erased(run: Run, note: Path, tmp_path: Path) -> None:
    (tmp_path / "ecg.csv").write_text("0,1\n")
    handed = tmp_path / "home" / "identities" / "doctor" / "doctor.qcot-id"
    record = answer(run("publish", note, "ecg.csv", "--as", "ada", "--json"))["record"]
    assert refused(run("open", record, "--as", "doctor", "-o", "x")) == "consent-missing"
    assert refused(run("open", "0" * 32, "--as", "doctor", "-o", "x")) == "record-unknown"

    status, out, _ = run("share", record[:6], "--to", handed, "--for", "30d")
    assert (status, "for treatment, until 20" in out) == (0, True)
    assert refused(run("open", record, "--as", "doctor", "-o", "x", "--purpose", "research")) == "purpose-differs"
    assert refused(run("open", record, "--as", "doctor", "-o", note)) == "file-exists"
    assert refused(run("open", record, "--as", "doctor", "-o", "x", "--item", "2")) == "no-such-item"
    status, out, _ = run("open", record, "--as", "doctor", "-o", "got", "--proof")
    assert (status, Path("got/note.txt").read_text()) == (0, NOTE)
    assert Path("got").stat().st_mode & 0o777 == 0o700
    assert Path("got/note.txt").stat().st_mode & 0o777 == 0o600

    status, out, _ = run("verify", "got/note.txt.qcot-item", "got/ecg.csv.qcot-item")
    assert (status, out.count("the ledger here holds its statement")) == (0, 2)

    doctor = answer(run("list", "--log", record, "--json"))[1]["recipient"]
    assert refused(run("revoke", record, "--from", "00000000")) == "bad-recipient"
    assert run("revoke", record, "--from", doctor[:12])[0] == 0
    assert refused(run("open", record, "--as", "doctor", "-o", "x")) == "consent-missing"
    assert run("open", record, "--as", "ada", "-o", "mine", "--item", "0")[0] == 0
    assert Path("mine").read_text() == NOTE
    assert refused(run("erase", record)) == "not-confirmed"
    assert run("erase", record, "--yes")[0] == 0
    assert refused(run("open", record, "--as", "ada", "-o", "x")) == "record-erased"
    status, out, _ = run("verify", "got/note.txt.qcot-item")
    assert (status, "was erased since" in out) == (0, True)

    log = answer(run("list", "--log", record, "--json"))
    assert [(row["what"], row["identity"]) for row in log] == [
        ("published", "ada"), ("shared", "ada"), ("opened", "doctor"), ("revoked", "ada"), ("opened", "ada"),
        ("erased", "ada"),
    ]  # fmt: skip
    (kept,) = answer(run("list", "--json"))
    assert (kept["state"], kept["bytes"], kept["opened"]) == ("erased", None, 2)
    assert run("list", "--log", record)[1].count("opened") == 2


@pytest.mark.usefixtures("ledger")
def test_a_record_goes_to_another_home_that_has_neither_site_nor_ledger(run: Run, note: Path, tmp_path: Path) -> None:
    there, here = tmp_path / "elsewhere", tmp_path / "home"
    handed_id = answer(run("identity", "clinic", "--home", there, "--json"))["file"]
    record = answer(run("publish", note, "--as", "ada", "--json"))["record"]
    assert f"qcot record ask {record} --as NAME" in run("share", record, "--to", handed_id)[1]
    assert run("ask", record, "--as", "clinic", "-o", "a.qcot-access", "--home", there)[0] == 0
    assert run("hand-out", "a.qcot-access", "-o", "r.qcot-handed", "--home", here)[0] == 0
    assert refused(run("hand-out", "a.qcot-access", "-o", "again", "--home", here)) == "access-used"
    assert NOTE.encode() not in Path("r.qcot-handed").read_bytes()
    assert refused(run("open", "r.qcot-handed", "--as", "doctor", "-o", "x")) == "not-sealed-to-you"
    assert run("open", "r.qcot-handed", "--as", "clinic", "-o", "got", "--home", there)[0] == 0
    assert Path("got").read_text() == NOTE
    assert [row["what"] for row in answer(run("list", "--log", record, "--json"))] == ["published", "shared", "opened"]


@pytest.mark.usefixtures("ledger")
def test_a_pseudonym_that_is_rotated_keeps_its_records(run: Run, note: Path) -> None:
    first = answer(run("identity", "doctor", "--json"))["pseudonym"]
    record = answer(run("publish", note, "--as", "ada", "--json"))["record"]
    run("share", record, "--to", "doctor")
    second = answer(run("identity", "doctor", "--rotate", first, "--json"))["pseudonym"]
    assert first != second
    assert run("open", record, "--as", "doctor", "-o", "got")[0] == 0
    assert Path("got").read_text() == NOTE


def test_without_a_bridge_it_says_what_to_start_and_keeps_what_was_asked_for(run: Run, home: Home, note: Path) -> None:
    status, _, err = run("publish", note, "--as", "ada", "--wait", "0")
    assert (status, err.split(":")[0], "Start `qcot up`" in err) == (1, "not-on-ledger-yet", True)
    assert len(list(spool.folder(home.path).glob("*.cbor"))) == 1
    (kept,) = answer(run("list", "--json"))
    assert kept["state"] == "waits for the ledger"
    assert "waits for the ledger" in run("list")[1]
    assert refused(run("open", kept["record"], "--as", "ada", "-o", "x")) == "ledger-missing"
    assert NOTE.encode() not in b"".join(path.read_bytes() for path in home.path.rglob("*") if path.is_file())


REFUSED = [
    (("identity", "a/b"), "bad-identity-name"),
    (("publish", "note.txt", "--as", "nobody"), "identity-missing"),
    (("publish", "missing.txt", "--as", "ada"), "file-unreadable"),
    (("publish", "note.txt", "./note.txt", "--as", "ada"), "names-repeat"),
    (("publish", "note.txt", "--as", "ada", "--media-type", "text"), "bad-media-type"),
    (("share", "xyz", "--to", "ada"), "bad-record-id"),
    (("share", "abcdef", "--to", "ada"), "bad-record-id"),
    (("share", "0" * 32, "--to", "nobody"), "bad-recipient"),
    (("share", "0" * 32, "--to", "note.txt"), "bad-identity-file"),
    (("share", "0" * 32, "--to", "ada"), "record-not-here"),
    (("share", "0" * 32, "--to", "ada", "--for", "30"), "bad-duration"),
    (("share", "0" * 32, "--to", "ada", "--purpose", "to heal"), "bad-purpose"),
    (("erase", "0" * 32, "--yes"), "record-not-here"),
    (("revoke", "0" * 32, "--from", "ada"), "record-not-here"),
    (("identity", "ada", "--rotate", "0" * 32), "bad-recipient"),
    (("ask", "abcdef", "--as", "ada", "-o", "x"), "bad-record-id"),
    (("ask", "0" * 32, "--as", "nobody", "-o", "x"), "identity-missing"),
    (("ask", "0" * 32, "--as", "ada", "-o", "no/x"), "file-unwritable"),
    (("hand-out", "note.txt", "-o", "x"), "bad-handover"),
    (("open", "note.txt", "--as", "ada", "-o", "x"), "bad-handover"),
]


@pytest.mark.usefixtures("home", "note")
@pytest.mark.parametrize(("words", "problem"), REFUSED, ids=[f"{words[0]}-{name}" for words, name in REFUSED])
def test_every_refusal_has_its_name_and_a_remedy(run: Run, words: tuple[str, ...], problem: str) -> None:
    status, out, _ = run(*words, "--json")
    assert (status, json.loads(out)["error"]["name"]) == (1, problem)
    assert json.loads(out)["error"]["remedy"]


@pytest.mark.usefixtures("home")
def test_an_identity_is_made_once_and_hands_out_the_same_pseudonym_until_a_fresh_one_is_asked_for(run: Run) -> None:
    made, again, fresh = (answer(run("identity", "eve", *more, "--json")) for more in ((), (), ("--fresh",)))
    assert (made["made"], again["made"]) == (True, False)
    assert made["pseudonym"] == again["pseudonym"] != fresh["pseudonym"]
    file = Path(fresh["file"])
    assert PublicIdentity.parse(file.read_bytes()).kid.hex() == fresh["pseudonym"]
    assert b"eve" not in file.read_bytes()
    assert {path.stat().st_mode & 0o777 for path in file.parent.glob("*.seed")} == {0o600}


def test_without_a_home_it_says_to_make_one(run: Run) -> None:
    assert refused(run("list")) == "no-home"


def test_an_item_is_verified_without_a_home_and_an_altered_one_is_told(run: Run, tmp_path: Path) -> None:
    key, item = SigningKey(ML_DSA_44, bytes(32)), Item("a.txt", b"content")
    tree = Batch([item.leaf()])
    statement = build(key, Publish(bytes(16), key.public_key, bytes(32), tree.root, 1, bytes(32), "text/plain"), 1)
    good, bad = tmp_path / "a.qcot-item", tmp_path / "b.qcot-item"
    good.write_bytes(HandedOut(statement, 0, item, ()).encode())
    bad.write_bytes(good.read_bytes().replace(b"content", b"contend"))
    assert answer(run("verify", good, "--json"))[0]["holds"]
    status, out, _ = run("verify", good, bad)
    assert status == 1
    assert re.search(r"holds .*no ledger is here to ask[^$]*FAILS .*item-differs\.", out, re.DOTALL)
    assert run("verify", tmp_path / "none")[0] == 1


def test_each_command_shows_an_example() -> None:
    entry.command.load(["record"])
    for name, each in entry.command.commands["record"].commands.items():
        assert f"Example: `qcot record {name}" in each.help
