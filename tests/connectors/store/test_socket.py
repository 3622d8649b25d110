"""Reading an archive that another holds: through its socket while it lives, by the path once it is gone."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.store import wire
from connectors.store.base import StoreAway, StoreError
from connectors.store.client import ServedStore, open_reader
from connectors.store.schema import table
from tests.connectors.store.samples import columns_of_marks

ROWS = "SELECT count() AS n FROM options_marked FINAL"
_HOLDER = """
import sys, time
from pathlib import Path
from connectors.store.client import ServedStore
ServedStore.open(Path(sys.argv[1]))
print("open", flush=True)
time.sleep(600)
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedStore]:
    opened = ServedStore.open(tmp_path)
    opened.store.insert(table("options.marked"), columns_of_marks(3))
    yield opened
    opened.close()


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_an_archive_that_cannot_answer_others_is_let_go(tmp_path: Path) -> None:
    in_the_way = wire.socket_path(tmp_path)
    in_the_way.mkdir()
    with pytest.raises(OSError, match="directory"):
        ServedStore.open(tmp_path)
    in_the_way.rmdir()
    ServedStore.open(tmp_path, 0).close()


def test_readers_are_answered_while_the_owner_holds_the_path(served: ServedStore, tmp_path: Path) -> None:
    with open_reader(tmp_path) as one, open_reader(tmp_path) as two:
        assert one.query(ROWS) == two.query(ROWS) == {"n": [3]}
        served.store.insert(table("options.marked"), columns_of_marks(5))
        assert one.query(ROWS) == {"n": [5]}


def test_a_reader_goes_on_by_itself_when_the_owner_closes(served: ServedStore, tmp_path: Path) -> None:
    with open_reader(tmp_path) as reader:
        assert reader.query(ROWS) == {"n": [3]}
        served.close()
        assert reader.query(ROWS) == {"n": [3]}
        with open_reader(tmp_path) as other:
            assert other.query(ROWS) == {"n": [3]}


def test_a_killed_owner_leaves_nothing_in_a_readers_way(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    with open_reader(tmp_path) as reader:
        assert reader.query(ROWS) == {"n": [0]}
        holder.kill()
        holder.wait()
        assert wire.socket_path(tmp_path).exists()
        assert reader.query(ROWS) == {"n": [0]}
    with open_reader(tmp_path, wait_s=0) as reader:
        assert reader.query(ROWS) == {"n": [0]}


def test_an_owner_that_does_not_answer_is_told_in_one_line(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    wire.socket_path(tmp_path).unlink()
    with pytest.raises(StoreAway, match="does not answer"):
        open_reader(tmp_path, wait_s=0.2)
    holder.send_signal(signal.SIGKILL)


def test_a_missing_archive_is_told_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(StoreAway, match="undertow compute"):
        open_reader(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "statement",
    ["DROP TABLE options_marked", "SELECT 1; DROP TABLE options_marked", "INSERT INTO progress SELECT 1",
     "SELECT 1 INTO OUTFILE '/tmp/x'", " /* SELECT */ TRUNCATE TABLE progress"],
)  # fmt: skip
def test_the_socket_answers_selects_only(served: ServedStore, tmp_path: Path, statement: str) -> None:
    with open_reader(tmp_path) as reader:
        with pytest.raises(StoreError, match="one SELECT"):
            reader.query(statement)
        assert reader.query(ROWS) == {"n": [3]}


@pytest.mark.parametrize("bad", [b"\xff\xff\xff\xff", b"\0\0\0\2{}", b"\0\0\0\1x", b"\0"])
def test_a_request_that_is_none_harms_nobody(served: ServedStore, tmp_path: Path, bad: bytes) -> None:
    with wire.dial(wire.socket_path(tmp_path)) as link:
        link.sendall(bad)
        link.shutdown(socket.SHUT_WR)
        with pytest.raises((StoreError, ConnectionError)):
            wire.receive_reply(link)
    with open_reader(tmp_path) as reader:
        assert reader.query(ROWS) == {"n": [3]}


def test_a_client_that_does_not_read_keeps_nobody_waiting(served: ServedStore, tmp_path: Path) -> None:
    with wire.dial(wire.socket_path(tmp_path)) as slow:
        wire.send_request(slow, wire.Request("SELECT number FROM numbers(5000000)", {}))
        with open_reader(tmp_path) as reader:
            for _ in range(3):
                assert reader.query(ROWS) == {"n": [3]}
            served.store.insert(table("options.marked"), columns_of_marks(4))
            assert reader.query(ROWS) == {"n": [4]}


def test_many_readers_at_once_get_their_own_answers(served: ServedStore, tmp_path: Path) -> None:
    wrong: list[int] = []

    def read(number: int) -> None:
        with open_reader(tmp_path) as reader:
            for _ in range(5):
                if reader.query("SELECT {n:Int64} AS n", {"n": number}) != {"n": [number]}:
                    wrong.append(number)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_long_path_has_a_socket_too(tmp_path: Path) -> None:
    directory = tmp_path / ("long" * 30)
    directory.mkdir()
    served = ServedStore.open(directory)
    with open_reader(directory) as reader:
        assert reader.query(ROWS) == {"n": [0]}
    served.close()


def test_only_this_user_may_dial(served: ServedStore, tmp_path: Path) -> None:
    assert wire.socket_path(tmp_path).stat().st_mode & 0o777 == 0o600


def test_clients_beyond_the_limit_are_told_so(
    served: ServedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.store.server.MAX_CLIENTS", 1)
    with open_reader(tmp_path) as first:
        assert first.query(ROWS) == {"n": [3]}
        with wire.dial(wire.socket_path(tmp_path)) as second, pytest.raises(StoreError, match="no more"):
            wire.receive_reply(second)
    wait_until(lambda: _answers(tmp_path))


def _answers(directory: Path) -> bool:
    try:
        with open_reader(directory) as reader:
            return reader.query(ROWS) == {"n": [3]}
    except (StoreError, OSError):
        return False


def wait_until(true: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
