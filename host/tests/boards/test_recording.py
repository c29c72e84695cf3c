"""Recordings for the ADC: what is read, and what is refused with its line."""

import contextlib
import itertools
from pathlib import Path

import pytest
from characters import CHARACTERS
from hypothesis import given
from hypothesis import strategies as st
from qcot.boards.errors import BAD_SIGNAL, BoardError
from qcot.boards.recording import Signal, heartpy_recordings, read_signal


def write(folder: Path, text: str) -> Path:
    path = folder / "recording.csv"
    path.write_text(text)
    return path


def test_the_three_recordings_of_heartpy_are_read_whole() -> None:
    found = [read_signal(path) for path in heartpy_recordings()]
    assert [(signal.name, len(signal.counts)) for signal in found] == [
        ("data", 2483),
        ("data2", 15000),
        ("data3", 68475 + 1),
    ]
    assert [round(signal.seconds[-1], 2) for signal in found] == [24.82, 128.21, 681.9]
    for signal, path in zip(found, heartpy_recordings(), strict=True):
        rows = path.read_text().split()
        assert signal.counts[-1] == int(rows[-1].split(",")[-1])
        assert signal.seconds[0] == 0
        assert all(before < after for before, after in itertools.pairwise(signal.seconds))


@pytest.mark.parametrize(
    ("text", "seconds", "counts"),
    [
        ("1\n2\n3\n", (0, 0.01, 0.02), (1, 2, 3)),
        ("count\r\n1\r\n2\r\n\r\n", (0, 0.01), (1, 2)),
        ("5.5,1\n6,2\n", (0, 0.5), (1, 2)),
        ("ms,value\n100,7\n350,8\n", (0, 0.25), (7, 8)),
        ("datetime,hr\n2016-11-24 13:58:58.081,1\n2016-11-24 13:58:59.081,2\n", (0, 1), (1, 2)),
        ("23:59:58.5,1\n23:59:59,2\n", (0, 0.5), (1, 2)),
        ("time,v\n0,1\n1,2\n1,3\n2,4\n", (0, 1, 1.5, 2), (1, 2, 3, 4)),
        ("0, 1023.0 \n1, 0\n", (0, 1), (1023, 0)),
    ],
)
def test_times_and_counts_are_understood(
    tmp_path: Path, text: str, seconds: tuple[float, ...], counts: tuple[int, ...]
) -> None:
    signal = read_signal(write(tmp_path, text))
    assert signal.seconds == pytest.approx(seconds)
    assert signal.counts == counts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "an empty file"),
        ("time,v\n", "below the header"),
        ("1\nx\n", ":2: expected a whole count from 0 to 1023, got 'x'"),
        ("1\n1024\n", ":2: expected a whole count"),
        ("1\n-1\n", ":2: expected a whole count"),
        ("1\n2.5\n", ":2: expected a whole count"),
        ("1\nnan\n", ":2: expected a whole count"),
        ("1\n1,2\n", ":2: expected one count, got '1,2'"),
        ("0,1\n2\n", ":2: expected a time and a count, got '2'"),
        ("1,2,3\n", ":1: expected one or two columns"),
        ("0,1\n2,1\n1,1\n", ":3: expected a time not before the one above"),
        ("ms,v\nnoon,1\n", ":2: expected a time as a number, got 'noon,1'"),
        ("datetime,v\nyesterday,1\n", ":2: expected a date and time, or HH:MM:SS.ffffff"),
        ("phase,v\n0,1\n", ":1: expected a time column named one of"),
    ],
)
def test_junk_is_refused_by_line_and_content(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(BoardError) as caught:
        read_signal(write(tmp_path, text))
    assert caught.value.problem is BAD_SIGNAL
    assert expected in caught.value.reason
    assert "recording.csv" in caught.value.reason


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (binary, tmp_path / "missing.csv", tmp_path):
        with pytest.raises(BoardError) as caught:
            read_signal(path)
        assert caught.value.problem is BAD_SIGNAL


@given(st.lists(st.integers(0, 1023), min_size=1, max_size=50))
def test_what_the_emulator_is_given_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("back")
    signal = Signal("made", tuple(index / 100 for index in range(len(counts))), tuple(counts))
    again = read_signal(write(folder, signal.to_csv()))
    assert again.counts == signal.counts
    assert again.seconds == pytest.approx(signal.seconds)


@given(st.text(CHARACTERS, max_size=60))
def test_any_text_is_read_or_refused_by_name(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text(text, encoding="utf-8", errors="replace")
    with contextlib.suppress(BoardError):
        signal = read_signal(path)
        assert all(0 <= count <= 1023 for count in signal.counts)
        assert all(before <= after for before, after in itertools.pairwise(signal.seconds))
