"""Entry points for `ray job submit`, named by verbs; thin."""
