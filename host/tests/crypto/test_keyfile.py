"""Secrets in files: durable, never overwritten, and never read where others could."""

import os
import shlex
import subprocess
from functools import partial

import pytest
from qcot.crypto import keyfile
from qcot.errors import QcotError


def problem(call, *arguments, **options) -> QcotError:
    with pytest.raises(QcotError) as caught:
        call(*arguments, **options)
    return caught.value


def test_a_new_key_is_random_private_and_comes_back(tmp_path):
    first, second = keyfile.create(tmp_path / "a"), keyfile.create(tmp_path / "b")
    assert first != second
    assert len(first) == len(second) == 32
    assert keyfile.load(tmp_path / "a") == first
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_the_mode_does_not_depend_on_the_umask(tmp_path):
    before = os.umask(0)
    try:
        keyfile.create(tmp_path / "a")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_that_others_could_reach_is_refused_and_the_remedy_mends_it(tmp_path, mode):
    path = tmp_path / "key with space"
    seed = keyfile.create(path)
    path.chmod(mode)
    error = problem(keyfile.load, path)
    assert error.problem.name == "key-file-mode"
    command = error.problem.remedy.partition(": ")[2]
    subprocess.run(shlex.split(command), check=True)
    assert keyfile.load(path) == seed


@pytest.mark.parametrize("size", [1, 64, 6492 + 261_120])
def test_a_secret_of_any_size_comes_back_when_that_size_is_asked_for(tmp_path, size):
    secret = os.urandom(size)
    assert keyfile.create(tmp_path / "a", secret) == secret
    assert keyfile.load(tmp_path / "a", size) == secret
    for wrong in (size - 1, size + 1):
        assert problem(keyfile.load, tmp_path / "a", wrong).problem.name == "key-file-bad"


def credential(folder, name: str, secret: bytes, mode: int = 0o400):
    path = folder / "credentials" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(secret)
    path.chmod(mode)
    return path


def test_a_systemd_credential_stands_for_the_file_and_goes_before_it(tmp_path, monkeypatch):
    keyfile.create(tmp_path / "issuing.seed", b"f" * 32)
    credential(tmp_path, "qcot.issuing.seed", b"c" * 32)
    load = partial(keyfile.load, credential="qcot.issuing.seed")
    assert load(tmp_path / "issuing.seed") == b"f" * 32
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    assert load(tmp_path / "issuing.seed") == b"c" * 32
    assert load(tmp_path / "elsewhere" / "any.name") == b"c" * 32
    keyfile.create(tmp_path / "other.seed", b"o" * 32)
    assert keyfile.load(tmp_path / "other.seed", credential="qcot.other.seed") == b"o" * 32
    error = problem(keyfile.load, tmp_path / "none.seed", credential="qcot.none.seed")
    assert error.problem.name == "key-file-missing"


def test_a_credential_stands_for_no_file_but_the_one_that_asks_for_it(tmp_path, monkeypatch):
    """The authority and each identity of records have a kem.seed: one must never be read for another."""
    keyfile.create(tmp_path / "kem.seed", b"f" * 32)
    credential(tmp_path, "qcot.kem.seed", b"c" * 32)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    assert keyfile.load(tmp_path / "kem.seed") == b"f" * 32


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600])
def test_a_credential_that_an_acl_gives_to_the_service_is_read(tmp_path, monkeypatch, mode):
    """systemd gives a service's user his right by an ACL, whose mask shows where the group's rights stand."""
    credential(tmp_path, "qcot.a", b"c" * 32, mode)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    assert keyfile.load(tmp_path / "a", credential="qcot.a") == b"c" * 32


@pytest.mark.parametrize(
    ("secret", "mode", "name"), [(b"c" * 32, 0o444, "key-file-mode"), (b"c" * 31, 0o400, "key-file-bad")]
)
def test_a_bad_credential_is_refused_and_not_passed_over_for_the_file(tmp_path, monkeypatch, secret, mode, name):
    keyfile.create(tmp_path / "a")
    path = credential(tmp_path, "qcot.a", secret, mode)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(path.parent))
    error = problem(keyfile.load, tmp_path / "a", credential="qcot.a")
    assert error.problem.name == name
    assert str(path) in error.reason


def test_a_credential_that_leads_nowhere_is_missing(tmp_path, monkeypatch):
    keyfile.create(tmp_path / "a")
    (tmp_path / "qcot.a").symlink_to(tmp_path / "none")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert problem(keyfile.load, tmp_path / "a", credential="qcot.a").problem.name == "key-file-missing"


@pytest.mark.parametrize("size", [0, 31, 33, 5000])
def test_a_file_of_another_length_is_refused(tmp_path, size):
    path = tmp_path / "a"
    path.write_bytes(bytes(size))
    path.chmod(0o600)
    assert problem(keyfile.load, path).problem.name == "key-file-bad"


def test_what_is_not_there_or_no_file_is_named(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert problem(keyfile.load, tmp_path / "none").problem.name == "key-file-missing"
    assert problem(keyfile.load, tmp_path).problem.name == "key-file-bad"
    assert problem(keyfile.load, loop).problem.name == "key-file-bad"
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert problem(keyfile.load, tmp_path / "pipe").problem.name == "key-file-bad"


def test_a_key_is_never_overwritten_not_even_through_a_link(tmp_path):
    path, link = tmp_path / "a", tmp_path / "link"
    seed = keyfile.create(path)
    link.symlink_to(tmp_path / "elsewhere")
    assert problem(keyfile.create, path).problem.name == "key-file-exists"
    assert problem(keyfile.create, link).problem.name == "key-file-exists"
    assert keyfile.load(path) == seed
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    assert problem(keyfile.create, tmp_path / "none" / "a").problem.name == "key-file-io"
    assert problem(keyfile.create, tmp_path / "a", b"").problem.name == "key-file-bad"


def test_a_write_that_fails_leaves_no_file(tmp_path):
    program = (
        "import resource, signal, sys; from pathlib import Path; from qcot.crypto import keyfile\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))\n"
        "try: keyfile.create(Path(sys.argv[1]))\n"
        "except Exception as error: print(error.problem.name)\n"
    )
    ended = subprocess.run(
        [os.sys.executable, "-c", program, str(tmp_path / "a")], capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "key-file-io"
    assert not (tmp_path / "a").exists()
