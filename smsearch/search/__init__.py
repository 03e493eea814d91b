"""Floor 4: from a query to hits."""
