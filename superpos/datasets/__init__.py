"""Feature sets on real text: sources, tokens, labels, splits (tokenizers and NumPy only)."""
