"""Names of the stages in the order in which they run: in the views, in progress and after `--stage`."""

from __future__ import annotations

STAGES = ("datasets", "activations", "probes", "whitening", "psms", "ceilings", "fits", "analysis")
"""`whitening` and `ceilings` have rows only where a study asks for them."""
