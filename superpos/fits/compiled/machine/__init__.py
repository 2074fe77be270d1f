"""The engine's machine layer: bare pointers, blocks of eight doubles, small dense products, entry points.

Nothing here knows of features or energies. `vectors`, `columns` and `pointers` speak LLVM; `elementary` and
`dense` are written in terms of them; `entry` says how the engine is compiled and cached.
"""
