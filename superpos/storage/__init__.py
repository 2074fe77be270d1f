"""Where data sets and activations lie: a folder of this machine, or a place in an object store.

Both keep one promise: whatever carries its final name is whole, and is checked by SHA-256 when it is read.
"""

from __future__ import annotations

from superpos.storage.files import Place
from superpos.storage.objects import ObjectPlace
from superpos.storage.urls import chosen, place_of

__all__ = ["ObjectPlace", "Place", "chosen", "place_of"]
