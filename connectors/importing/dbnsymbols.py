"""Which symbol an instrument id means on a date: ids are given out anew each day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from events.types import NS_PER_S

_EPOCH = date(1970, 1, 1)
_DAY_NS = 86_400 * NS_PER_S


class Symbols:
    """The mappings of a file's metadata, and those that a live capture carries between its records."""

    def __init__(self, metadata: Any) -> None:
        from databento.common.symbology import InstrumentMap

        self._map = InstrumentMap()
        self._learned: dict[int, str] = {}
        self._found: dict[tuple[int, int], str | None] = {}
        self.add(metadata)

    def add(self, metadata: Any) -> None:
        """Takes the mappings of a file, or of one more behind it; what records of the one before said ends there."""
        self._map.insert_metadata(metadata)
        self._learned.clear()
        self._found.clear()

    def learn(self, record: Any) -> None:
        """Takes a symbol mapping record: it holds for the records behind it, until the next for that id."""
        self._learned[int(record.instrument_id)] = str(record.stype_out_symbol)

    def symbol(self, instrument_id: int, ts: int) -> str:
        """Returns the symbol of an id at a time; raises ValueError when none is mapped on that date."""
        symbol = self._learned.get(instrument_id)
        if symbol is None:
            day = ts // _DAY_NS
            key = (instrument_id, day)
            if key not in self._found:
                self._found[key] = self._map.resolve(instrument_id, _EPOCH + timedelta(days=day))
            symbol = self._found[key]
            if symbol is None:
                raise ValueError(f"instrument id {instrument_id} has no symbol on {_EPOCH + timedelta(days=day)}")
        return symbol
