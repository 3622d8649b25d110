"""The feeds: what brings raw events in; `writer` is the one way they append to a topic."""
