"""Floor 1: what a text is made of. Lines, boilerplate, comments, sentences, passages, words, language."""
