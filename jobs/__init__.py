"""Entry points named by verbs: thin, meant to be submitted to a cluster."""
