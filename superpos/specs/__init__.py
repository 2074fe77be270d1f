"""What to run: frozen, validated specifications."""
