"""What the tests of both uses of Kafka, bus and leases, share: one broker for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import require_engine
from tests.engines.kafka import Broker, KafkaMissing
from tests.engines.kafka import running as started


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of this session; tests that need one are skipped, or fail where it is required, without its jars."""
    try:
        with started(tmp_path_factory.mktemp("kafka")) as broker:
            yield broker
    except KafkaMissing as missing:
        require_engine("kafka", str(missing))
