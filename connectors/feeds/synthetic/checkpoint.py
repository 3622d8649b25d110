"""The feed's own state file: what the market is a function of, where it stands, and what the log held there.

Written whole or not at all, and only when everything before it is in the log; so the log holds at least what the file
says, and what it holds beyond is found again by id.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from connectors.feeds.synthetic.model import MODEL_VERSION, ModelConfig, State
from connectors.whole import write_whole

FILE = "feed-synthetic.json"


class FeedError(ValueError):
    """A synthetic feed that cannot run as asked; the text is one line that says what to do."""


class Checkpoint(msgspec.Struct, kw_only=True):
    """One checkpoint; `config.seed` and `config.start` never change in a data set."""

    version: int = MODEL_VERSION
    config: ModelConfig
    #: Offset behind the last record of the topic that stands before the checkpoint, by topic and partition.
    offsets: dict[str, list[int]]
    #: Event time of the checkpoint, ns.
    position: int
    #: Bytes of the labels' file that stand before the checkpoint.
    labels_bytes: int = 0
    #: None before the first event.
    market: State | None = None


_decoder = msgspec.json.Decoder(Checkpoint)


def _plain(value: Any) -> int | float:
    """Returns a drawn number as JSON has it: an order may hold what the generator of random numbers gave it."""
    if isinstance(value, np.integer | np.floating):
        return value.item()
    raise TypeError(f"a checkpoint holds no {type(value).__name__}")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def load(directory: Path) -> Checkpoint | None:
    """Returns the data set's checkpoint, None where no synthetic feed has run; raises FeedError when it is unusable."""
    path = directory / FILE
    try:
        found = _decoder.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise FeedError(f"{path} cannot be read: {error}; begin a new data set") from None
    if found.version != MODEL_VERSION:
        raise FeedError(f"{path} is of model {found.version}, this version has {MODEL_VERSION}: begin a new data set")
    return found


def save(directory: Path, checkpoint: Checkpoint) -> None:
    """Writes the checkpoint whole or not at all."""
    write_whole(directory / FILE, _encoder.encode(checkpoint))
