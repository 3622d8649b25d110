"""What every test shares: a clean environment, the hypothesis profile, and engines that may not silently be missing."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

from events.settings import described

REQUIRE_ENGINES = "UNDERTOW_REQUIRE_ENGINES"

settings.register_profile("undertow", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("undertow")


def engines_required() -> bool:
    """Whether an engine that is not there is a failure, as it is in CI."""
    return os.environ.get(REQUIRE_ENGINES) == "1"


def require_engine(name: str, reason: str) -> NoReturn:
    """Ends the test because engine `name` cannot run here: a skip, or a failure where every engine is required."""
    text = f"{name}: {reason}"
    if engines_required():
        pytest.fail(f"{text} ({REQUIRE_ENGINES}=1)", pytrace=False)
    pytest.skip(text)


def pytest_configure() -> None:
    """Takes the settings of whoever runs the tests out of the environment: a test sets what it needs."""
    for _, name, _, _ in described():
        os.environ.pop(name, None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns any other skip of a test marked `engine` into a failure where every engine is required."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("engine") and engines_required():
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} needs its engine ({REQUIRE_ENGINES}=1) but was skipped: {report.longreprtext}"
    return report
