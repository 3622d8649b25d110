"""A data set is one market on one clock: made once, the same for whoever opens it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from connectors.dataset import Dataset, DatasetError, RunRecord


def test_a_missing_data_set_is_refused_with_the_way_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="undertow import FILE"):
        Dataset.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_what_it_was_made_with_is_what_everybody_finds(tmp_path: Path) -> None:
    Dataset.open(tmp_path / "a", create=True, clock="synthetic", partitions=3)
    found = Dataset.open(tmp_path / "a")
    assert (found.clock, found.partitions, found.name) == ("synthetic", 3, "a (synthetic)")
    bus = found.open_bus()
    assert bus.partitions == 3
    bus.close()


def test_clocks_do_not_mix(tmp_path: Path) -> None:
    Dataset.open(tmp_path, create=True, clock="live")
    with pytest.raises(DatasetError, match="is live, not historical"):
        Dataset.open(tmp_path, create=True, clock="historical")


def test_another_partition_count_is_refused(tmp_path: Path) -> None:
    Dataset.open(tmp_path, create=True, partitions=8)
    with pytest.raises(DatasetError, match="8 partitions, not 3"):
        Dataset.open(tmp_path, partitions=3)


@pytest.mark.parametrize(
    ("changed", "why"),
    [({"format": 2}, "format 2"), ({"partition_table": 99}, "partition table 99"), ({"clock": "sundial"}, "clock")],
)
def test_what_this_version_does_not_know_is_refused(tmp_path: Path, changed: dict[str, object], why: str) -> None:
    Dataset.open(tmp_path, create=True)
    file = tmp_path / "dataset.json"
    file.write_bytes(orjson.dumps({**orjson.loads(file.read_bytes()), **changed}))
    with pytest.raises(DatasetError, match=why):
        Dataset.open(tmp_path)


def test_processes_that_make_it_at_once_agree(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from connectors.dataset import Dataset, DatasetError\n"
        "try: print(Dataset.open(Path(sys.argv[1]), create=True, partitions=int(sys.argv[2])).partitions)\n"
        "except DatasetError: print('refused')"
    )
    asked = [1, 2, 3, 4]
    racers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "d"), str(n)], stdout=subprocess.PIPE)
        for n in asked
    ]
    said = [racer.communicate()[0].decode().strip() for racer in racers]
    made_with = str(Dataset.open(tmp_path / "d").partitions)
    assert said == [str(n) if str(n) == made_with else "refused" for n in asked]


def test_a_run_remembers_what_it_was_made_with(tmp_path: Path) -> None:
    data = Dataset.open(tmp_path, create=True)
    assert data.run("main") is None
    data.record_run("main", {"CLUSTER_WINDOW_MS": 500}, "abc", "start", "live")
    data.record_run("main", {"CLUSTER_WINDOW_MS": 250}, "abd", "start", "compute")
    expected = RunRecord("main", {"CLUSTER_WINDOW_MS": 250}, "abd", "start", "compute")
    assert Dataset.open(tmp_path).run("main") == expected
    assert data.runs() == [expected]
