"""Floor 6, the workshop: parallel text -> vocabulary -> teacher's vectors -> student -> model folder."""
