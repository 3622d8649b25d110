"""The name of a data set on servers that hold several: written once, in its directory (contract 6)."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

_FILE = "dataset.id"


def owner_of(directory: Path) -> str:
    """Returns the data set's name, made when it has none; processes that make it at once agree."""
    found = known_owner(directory)
    if found is not None:
        return found
    draft = directory / f"{_FILE}.{os.getpid()}"
    draft.write_text(uuid4().hex[:16] + "\n")
    try:
        os.link(draft, directory / _FILE)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return (directory / _FILE).read_text().strip()


def known_owner(directory: Path) -> str | None:
    """Returns the data set's name; None in a directory that has none yet, such as a second machine's."""
    try:
        return (directory / _FILE).read_text().strip() or None
    except FileNotFoundError:
        return None
