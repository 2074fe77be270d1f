"""Folders of the sparse-probing paper: their families, columns and marks."""
