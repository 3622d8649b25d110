"""A missing engine is a skip on a desk and a failure in CI."""

from __future__ import annotations

import pytest

from tests.conftest import REQUIRE_ENGINES, require_engine


def test_missing_engine_is_a_skip_on_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRE_ENGINES, raising=False)
    with pytest.raises(pytest.skip.Exception, match="redis: no redis-server"):
        require_engine("redis", "no redis-server")


def test_missing_engine_is_a_failure_where_engines_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRE_ENGINES, "1")
    with pytest.raises(pytest.fail.Exception, match="redis: no redis-server"):
        require_engine("redis", "no redis-server")
