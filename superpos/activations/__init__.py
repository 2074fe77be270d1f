"""Activations of Transformers at probed positions, in checked files; the only code that speaks torch.

Importing this package stays cheap: what needs torch (`model`, `hooks`, `extract`, `oracle`) is imported from
its module.
"""

from superpos.activations.inspection import inspect_model
from superpos.activations.shards import read_shards

__all__ = ["inspect_model", "read_shards"]
