"""A kind of every family."""
