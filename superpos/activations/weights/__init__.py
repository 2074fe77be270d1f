"""The project's own schemes of weights, one a module under `KIND`; see `superpos.kinds.weights`.

These modules are imported while planning, so they import torch only where they are called.
"""
