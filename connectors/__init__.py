"""The edges: feeds, the bus, the tape, the store, the cache."""
