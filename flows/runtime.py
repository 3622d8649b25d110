"""What every flow's process needs once: clean stop, the recovery store made safe, and where the command line put it."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

from connectors import recovery
from events.settings import Settings

_stop = threading.Event()


def stopping() -> bool:
    """Tells whether a signal has asked the process to stop; sources then raise StopIteration (contract 14)."""
    return _stop.is_set()


def install_handlers() -> None:
    """Makes SIGTERM and SIGINT ask for a clean stop; only the main thread may do this."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: _stop.set())


#: glibc's mallopt options, and the block size below which memory stays with the process.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _KEEP_BYTES = -1, -3, 1 << 26


def tune_memory() -> None:
    """Lets the cyclic collector run seldom and keeps freed buffers.

    Events hold no cycles, and walking live state costs a tenth of the time. Batches are large buffers that come and
    go: fetched from and given back to the kernel each time, they cost its page faults.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _KEEP_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES)
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 50, 100)


def recovery_directory() -> Path | None:
    """Returns the recovery directory that `python -m bytewax.run` was given, by option or environment."""
    given = _option("-r", "--recovery-directory") or os.environ.get("BYTEWAX_RECOVERY_DIRECTORY")
    return Path(given) if given else None


def process_id() -> int:
    """Returns this process's number in a Bytewax cluster; 0 when it runs alone."""
    return int(_option("-i", "--process-id") or os.environ.get("BYTEWAX_PROCESS_ID") or 0)


def prepare(settings: Settings) -> bool:
    """Makes this process ready to run a flow; returns whether a recovery store holds an execution to resume.

    Every start of ours goes through here, so that a snapshot of the future is never resumed from (contract 12).
    """
    install_handlers()
    tune_memory()
    directory = recovery_directory()
    if directory is None:
        return False
    if process_id() > 0:
        return True
    return recovery.prepare(directory, forget=settings.compute.compute_consumer_reset)


def _option(short: str, long: str) -> str | None:
    arguments = sys.argv[1:]
    for place, argument in enumerate(arguments):
        if argument in (short, long) and place + 1 < len(arguments):
            return arguments[place + 1]
        if argument.startswith(f"{long}="):
            return argument.partition("=")[2]
        if argument.startswith(short) and len(argument) > len(short) and not argument.startswith("--"):
            return argument[len(short) :]
    return None
