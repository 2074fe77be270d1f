"""Figures: each module turns views into a NamedTuple of numbers, and numbers into a matplotlib figure."""
