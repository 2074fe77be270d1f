"""Bare arrays for compiled code: a pointer, read and written by index, and nothing else.

A NumPy array costs seven words an argument, a test for a negative index at every access and a count of
references; most of what LLVM is given of such code is that. A pointer is one word and an access is one load
or store, which halves the time it takes to compile the engine. There are no bounds and no ownership: pointers
are made within compiled entry points from arrays that outlive the call, and never leave it.
"""

from __future__ import annotations

import operator
from typing import Any, Generic, Protocol, TypeVar, overload

from numba import types
from numba.core.errors import TypingError
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from superpos.arrays import Float, Int

Number = TypeVar("Number", float, int)


class PointerTo(Generic[Number]):
    """What a pointer can do, for annotations of compiled functions; there are none outside compiled code."""

    def __getitem__(self, index: int, /) -> Number:
        """Load a number."""
        raise NotImplementedError

    def __setitem__(self, index: int, value: Number, /) -> None:
        """Store a number."""
        raise NotImplementedError


FloatPointer = PointerTo[float]
"""To float64 numbers."""
IntPointer = PointerTo[int]
"""To int64 numbers."""


class Pointer(types.Type):  # type: ignore[misc]  # numba has no type hints
    """Type of a pointer to float64 or int64 numbers."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Pointer({dtype})")


@register_model(Pointer)
class _PointerModel(models.PrimitiveModel):  # type: ignore[misc]  # likewise
    def __init__(self, manager: Any, pointer: Any) -> None:
        super().__init__(manager, pointer, manager.lookup(pointer.dtype).get_data_type().as_pointer())


@infer_global(operator.getitem)
class _TypeOfItem(AbstractTemplate):  # type: ignore[misc]  # likewise
    def generic(self, arguments: Any, _: Any) -> Any:
        pointer, index = arguments
        if isinstance(pointer, Pointer) and isinstance(index, types.Integer):
            return signature(pointer.dtype, pointer, types.int64)
        return None


@infer_global(operator.setitem)
class _TypeOfAssignment(AbstractTemplate):  # type: ignore[misc]  # likewise
    def generic(self, arguments: Any, _: Any) -> Any:
        pointer, index, _value = arguments
        if isinstance(pointer, Pointer) and isinstance(index, types.Integer):
            return signature(types.none, pointer, types.int64, pointer.dtype)
        return None


@lower_builtin(operator.getitem, Pointer, types.Integer)
def _load(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
    pointer, index = arguments
    return builder.load(builder.gep(pointer, [index]))


@lower_builtin(operator.setitem, Pointer, types.Integer, types.Any)
def _store(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
    pointer, index, value = arguments
    builder.store(value, builder.gep(pointer, [index]))
    return context.get_dummy_value()


def data_of(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Return the LLVM pointer to the first number of an array or of a pointer."""
    if isinstance(kind, Pointer):
        return value
    return context.make_array(kind)(context, builder, value).data


def _part(typing_context: Any, memory: Any, start: Any) -> Any:
    """Return the pointer to memory[start], for a pointer or a flat contiguous array of the same numbers."""
    del typing_context, start
    flat = isinstance(memory, Pointer) or (memory.ndim == 1 and memory.layout == "C")
    if not flat or memory.dtype not in (types.float64, types.int64):
        raise TypingError(f"the engine reads flat contiguous float64 or int64 arrays, not {memory}")

    def generate(context: Any, builder: Any, signature_: Any, arguments: Any) -> Any:
        return builder.gep(data_of(context, builder, signature_.args[0], arguments[0]), [arguments[1]])

    return Pointer(memory.dtype)(memory, types.int64), generate


class _Part(Protocol):
    @overload
    def __call__(self, memory: Float | FloatPointer, start: int) -> FloatPointer: ...
    @overload
    def __call__(self, memory: Int | IntPointer, start: int) -> IntPointer: ...


part: _Part = intrinsic(_part)
"""Pointer to memory[start], of an array within an entry point or of a pointer."""
