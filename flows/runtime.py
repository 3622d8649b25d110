"""What every flow's process needs once: clean stop, the recovery store made safe, and where the command line put it."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from connectors import recovery
from events.settings import Settings

_stop = threading.Event()
#: The signal that asked for it, the first if there were several.
_asked: list[int] = []
_log = logging.getLogger("undertow.flows")
#: How far a clock may be set before a flow is ended for it, and how often that is looked at, s.
_SET_S, _LOOK_S = 2.0, 0.5
#: The exit status of who ends to be started again at once: a failure that passes.
BEGIN_AGAIN = os.EX_TEMPFAIL


def stopping() -> bool:
    """Tells whether a signal has asked the process to stop; sources then raise StopIteration (contract 14)."""
    return _stop.is_set()


def stop_status() -> int:
    """Returns the exit status of who was stopped before its work was done: 130 by SIGINT, 143 by SIGTERM."""
    return 128 + (_asked[0] if _asked else signal.SIGTERM)


def install_handlers() -> None:
    """Makes SIGTERM and SIGINT ask for a clean stop; only the main thread may do this."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _ask)


def _ask(number: int, _frame: object) -> None:
    _asked.append(number)
    _stop.set()


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


def watch_clock(
    jumps: Callable[[], float] = lambda: time.time() - time.monotonic(), end: Callable[[int], object] = os._exit
) -> threading.Thread:
    """Ends the process when somebody sets the wall clock, by which Bytewax wakes its sources and closes its epochs.

    Set back, it would do neither until the clock is again where it was. Set forward while a source reads, it would
    sleep for as long: it takes the time before it asks a source, which says later when it wants to be woken. Hours, if
    need be. The next start goes on from the last snapshot, as after a kill.
    """

    def watch() -> None:
        furthest_s = before_s = jumps()
        while furthest_s - _SET_S <= (now_s := jumps()) <= before_s + _SET_S:
            furthest_s, before_s = max(now_s, furthest_s), now_s
            time.sleep(_LOOK_S)
        _log.critical(
            "the wall clock was set %s by %.0f s, for which a flow may stand still: ending, to be started again",
            *(("back", furthest_s - now_s) if now_s < before_s else ("forward", now_s - before_s)),
        )
        end(BEGIN_AGAIN)

    watcher = threading.Thread(target=watch, name="clock", daemon=True)
    watcher.start()
    return watcher


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
    watch_clock()
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
