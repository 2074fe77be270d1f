"""Texts with labels: which rows of which files, what their labels mean, where a text is read."""
