"""`bench bus` measures what it says: both sides read and write every message, and the bars name what was measured."""

from __future__ import annotations

from undertow.bench.bus import MOST_RATIO, bars, run


def test_each_direction_of_the_embedded_bus_is_set_beside_sqlite_alone() -> None:
    result = run(10_000, "embedded")
    assert [bar[0] for bar in bars(result)] == [
        "embedded_produce_cpu_ratio_to_bare",
        "embedded_consume_cpu_ratio_to_bare",
    ]
    for name, comparison, most in bars(result):
        assert (comparison, most) == ("<=", MOST_RATIO)
        ours, bare = (result[name.replace("cpu_ratio_to_bare", f"{who}cpu_s_per_million")] for who in ("", "bare_"))
        assert result[name] == round(ours / bare, 3)
        assert min(ours, bare) > 0
