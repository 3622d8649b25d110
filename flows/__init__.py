"""The wiring: one Bytewax dataflow per job, each runnable by `python -m bytewax.run flows.NAME`."""
