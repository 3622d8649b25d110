"""What travels: one typed event per topic, control records, ids, symbology, conditions, settings."""
