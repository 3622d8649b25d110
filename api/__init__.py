"""The gateway: REST over the archive, a WebSocket over the log, and the terminal's files."""
