"""Floor 4: from sources to a new state of the index."""
