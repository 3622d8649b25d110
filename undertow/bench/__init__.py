"""Measurements, as ratios within one run: `undertow bench`."""
