"""A real pty: what it gives, and the name of everything that can be wrong with it."""

import contextlib
import os
import pty
import tty
from pathlib import Path

import pytest
from qcot.link.problems import LinkError
from qcot.link.transport import SerialPort


@pytest.fixture
def line():
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, slave, os.ttyname(slave)
    for end in (master, slave):
        with contextlib.suppress(OSError):
            os.close(end)


def problem(path):
    with pytest.raises(LinkError) as caught:
        SerialPort(str(path))
    return caught.value.problem.name


def test_bytes_pass_both_ways_as_they_are(line):
    master, _, path = line
    port = SerialPort(path)
    everything = bytes(range(256))
    os.write(master, everything)
    assert port.read() == everything
    assert port.read() == b""
    port.write(everything)
    assert os.read(master, 512) == everything
    port.close()


def test_a_port_that_nobody_reads_keeps_the_newest_frames_and_does_not_wait(line):
    _, _, path = line
    port = SerialPort(path)
    for _ in range(100):
        port.write(bytes(250))
    assert len(port._out) <= 1024
    port.close()


def test_a_port_that_goes_away_is_told_by_name(line):
    master, slave, path = line
    port = SerialPort(path)
    os.close(slave)
    os.close(master)
    with pytest.raises(LinkError, match="port-lost"):
        port.read()
    with pytest.raises(LinkError, match="port-lost"):
        port.write(b"x")
    port.close()
    port.close()


def test_a_port_that_is_not_there_is_told_by_name(tmp_path):
    assert problem(tmp_path / "none") == "port-missing"


def test_a_port_that_another_program_holds_is_told_by_name(line):
    port = SerialPort(line[2])
    assert problem(line[2]) == "port-busy"
    port.close()
    SerialPort(line[2]).close()


def test_what_is_no_port_is_told_by_name(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert problem(path) == "not-a-port"


def test_a_port_that_may_not_be_opened_is_told_by_name(line):
    Path(line[2]).chmod(0)
    child = os.fork()
    if child == 0:
        name = ""
        with contextlib.suppress(BaseException):
            if os.geteuid() == 0:
                os.setuid(65534)
            name = problem(line[2])
        os._exit(0 if name == "port-denied" else 1)
    assert os.waitpid(child, 0)[1] == 0
