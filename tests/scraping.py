"""Reading what a process exports to Prometheus."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

#: Label names and values of one sample.
Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Scraped:
    """One scrape: samples by name, and the names that were declared, with or without samples."""

    values: dict[str, dict[Labels, float]]
    declared: set[str]


def scraped(port: int) -> Scraped:
    """Asks a local process for its metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    values: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            values.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    declared = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
    return Scraped(values, declared)
