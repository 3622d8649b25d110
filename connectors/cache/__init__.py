"""The cache: Redis beside the log, for pages that open at once; the log and the archive are the truth."""
