"""Log lines on stderr: coloured text on a terminal, a JSON object a line everywhere else, never a secret.

Our modules log through the standard library; structlog renders. Every line passes the same mask, also that of an
exception nobody caught and of a library that logs an address it was given.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, MutableMapping
from types import TracebackType
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import orjson
import structlog
from pydantic import SecretStr

from events.settings import Settings, described, shown

_HIDDEN = "***"
#: A shorter password is a part of too many words to be struck out of them; its address is masked all the same.
_LEAST_SECRET = 4
Event = MutableMapping[str, Any]


def begin_logs(part: str, settings: Settings) -> None:
    """Makes the standard library's log lines ours; `part` is the process's name in them."""
    chosen = settings.telemetry.log_format
    human = chosen == "text" or chosen == "auto" and sys.stderr.isatty()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(part, human, Mask(settings)))
    logging.basicConfig(level=settings.telemetry.log_level.upper(), handlers=[handler], force=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda told: _log_uncaught(told.exc_type, told.exc_value, told.exc_traceback)


def _formatter(part: str, human: bool, mask: Mask) -> logging.Formatter:
    def name_part(_: Any, __: str, event: Event) -> Event:
        event["part"] = part
        return event

    before: list[Callable[[Any, str, Event], Any]] = [
        name_part,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    told: list[Callable[[Any, str, Event], Any]] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        mask,
    ]
    last: Callable[[Any, str, Event], Any] = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if human
        else structlog.processors.JSONRenderer(serializer=_json)
    )
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=[*told, last])


def _json(event: Event, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _log_uncaught(kind: type[BaseException], error: BaseException | None, at: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit) or error is None:
        sys.__excepthook__(kind, error or kind(), at)
        return
    logging.getLogger("undertow").critical("ended by %s: %s", kind.__name__, error, exc_info=(kind, error, at))


class Mask:
    """Strikes the settings' secrets, and any password of an address, out of every text of a log line."""

    def __init__(self, settings: Settings) -> None:
        self._secrets = sorted(_secrets(settings), key=len, reverse=True)

    def __call__(self, _: Any, __: str, event: Event) -> Event:
        """Masks a line's texts."""
        for name, value in event.items():
            if isinstance(value, str):
                event[name] = self.text(value)
            elif not isinstance(value, int | float | bool | None):
                event[name] = self.text(str(value))
        return event

    def text(self, text: str) -> str:
        """Returns a text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return str(shown(text))


def _secrets(settings: Settings) -> set[str]:
    """Returns every secret of the settings, as it stands there and as it may be spelt elsewhere."""
    found: set[str] = set()
    for group, name, _, _ in described():
        value = getattr(getattr(settings, group), name.lower())
        if isinstance(value, SecretStr):
            found.add(value.get_secret_value())
        elif isinstance(value, str) and "://" in value:
            found.add(_password(value))
    spelt = {form for secret in found for form in (secret, unquote(secret), quote(secret, safe=""), repr(secret)[1:-1])}
    return {secret for secret in spelt if len(secret) >= _LEAST_SECRET}


def _password(address: str) -> str:
    try:
        return urlsplit(address).password or ""
    except ValueError:
        return ""
