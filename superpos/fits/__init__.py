"""Energy fits: joint step, re-optimisation, certificate."""
