"""Which code computes: a digest over the rooms whose behaviour shows in derived events, and its compiled form.

`make compiled` lets mypyc compile `operators` into `build/compiled/DIGEST.PLATFORM`, and beside them what writes and
reads events as lines (lines.c, reading.c). It is used while the sources are those that it was made of, else they run as
they are, and msgspec writes and reads: either way the same bytes.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import MutableSequence
from functools import cache
from hashlib import sha256
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

_ROOT = Path(__file__).parents[1]
_ROOMS = ("events", "operators")
_SOURCES = (".py", ".c", ".h")
#: Says that the sources are to run as they are, whatever was compiled.
PLAIN = "UNDERTOW_PLAIN"


@cache
def code_digest() -> str:
    """Returns 16 hex digits over the sources of `events` and `operators`."""
    digest = sha256()
    for room in _ROOMS:
        for path in sorted(each for each in (_ROOT / room).rglob("*") if each.suffix in _SOURCES):
            digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def compiled_directory() -> Path:
    """Returns where the compiled form of today's sources stands, for this Python on this platform, if it was made."""
    return _ROOT / "build" / "compiled" / f"{code_digest()}{EXTENSION_SUFFIXES[0].removesuffix('.so')}"


def prefer_compiled(package: str, path: MutableSequence[str]) -> None:
    """Puts a package's compiled modules before its sources, where they were made of just these sources."""
    directory = compiled_directory()
    if os.environ.get(PLAIN) or not (directory / package).is_dir():
        return
    for library in directory.glob(f"*__mypyc{EXTENSION_SUFFIXES[0]}"):
        _load(library)
    path.insert(0, str(directory / package))


def compiled_module(name: str) -> ModuleType | None:
    """Returns a compiled module that stands beside the packages, None where it was not made of just these sources."""
    library = compiled_directory() / f"{name}{EXTENSION_SUFFIXES[0]}"
    return None if os.environ.get(PLAIN) or not library.is_file() else _load(library)


def is_compiled(package: str) -> bool:
    """Tells whether a package that was imported runs in its compiled form."""
    return str(compiled_directory() / package) in list(sys.modules[package].__path__)


def _load(library: Path) -> ModuleType:
    """Loads a library under its own name, by which compiled modules ask for the one that holds their code."""
    name = library.name.partition(".")[0]
    spec = importlib.util.spec_from_file_location(name, library)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    assert spec.loader is not None
    spec.loader.exec_module(module)
    return module
