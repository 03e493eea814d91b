"""Floor 5: public evaluation sets, measures, and what an encoder is worth on them."""
