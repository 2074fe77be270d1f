"""Ray: a supervised pool of actors; the only code that speaks Ray."""
