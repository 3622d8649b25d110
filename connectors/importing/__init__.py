"""Import: files of raw events into a data set's topics, each record counted once (contract 17, 18)."""
