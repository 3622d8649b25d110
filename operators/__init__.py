"""The thinking: pure and synchronous; takes events, returns events; no I/O, no clock, no randomness."""
