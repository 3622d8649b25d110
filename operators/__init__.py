"""The thinking: pure and synchronous; takes events, returns events; no I/O, no clock, no randomness."""

from events.code import prefer_compiled

prefer_compiled(__name__, __path__)
