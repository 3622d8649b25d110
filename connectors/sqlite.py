"""SQLite files that several processes share: write-ahead log, patient, safe against kill -9."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from connectors.bus.base import BusError

#: How long whoever wants to write waits for the one who does.
BUSY_TIMEOUT_S = 30.0
_RETRY_S = 0.02


class DamagedFile(BusError, sqlite3.DatabaseError):
    """A file that is no SQLite database, or no whole one; its text is one line that names it."""


def connect(path: Path, schema: str) -> sqlite3.Connection:
    """Opens a file in autocommit mode and makes its tables; raises sqlite3.OperationalError when it stays locked,
    DamagedFile when it is no database.

    The switch to the write-ahead log does not honour the busy timeout, so it is tried again until that is over.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.executescript(schema)
            return db
        except sqlite3.OperationalError:
            db.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_S)
        except sqlite3.DatabaseError as error:
            db.close()
            raise DamagedFile(f"{path} is damaged: {error}") from None
