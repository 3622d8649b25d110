"""The synthetic feed: a market that does not exist, the same for the same seed and start, with what was planted known.

`model.py` and what it imports are pure: event time and seeded chance. Only `feed.py` and its helpers (`pacing`,
`checkpoint`, `held`) touch clock, bus and files.
"""
