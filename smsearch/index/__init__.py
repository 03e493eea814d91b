"""Floor 3: an index on disk. SQLite is the truth; the vector file and the token file are derived from it."""
