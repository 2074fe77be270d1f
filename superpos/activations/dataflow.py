"""What goes into and comes out of the modules of a block, by the graph that one forward pass leaves behind.

Three tokens run through the backbone with gradients on. Each value is known by the node of autograd that made
it (changes of shape and type are passed over), so two modules see the same value if they see the same node,
and a value depends on another one if a path leads there. No number is compared. On the meta device the pass
allocates nothing; what it asks of its numbers (is nothing padded?) is answered with yes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node, get_gradient_edge
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.hooks import RemovableHandle

PASSED_OVER = frozenset(
    f"{name}Backward0" for name in ("View", "UnsafeView", "ReshapeAlias", "Alias", "ToCopy", "Clone")
)
"""Nodes that change no number but by rounding, and no order."""

ITEM = getattr(torch.ops.aten, "_local_scalar_dense").default  # noqa: B009 -- its name has no other spelling
"""What `bool(tensor)` and `tensor.item()` call."""


class Value(NamedTuple):
    """A value of the forward pass: an output of a node."""

    node: Node
    output: int


class Event(NamedTuple):
    """A value that goes into a module or comes out of it."""

    path: str
    """Of the module within the block; empty for the block itself."""
    argument: int | str | None
    """Place or name of the argument; None for what comes out."""
    value: Value


@dataclass(frozen=True, slots=True)
class Graph:
    """The events of one block, in their order; the first is its input and the last its output."""

    events: tuple[Event, ...]

    @property
    def input(self) -> Value:
        """The residual stream before the block."""
        return self.events[0].value

    @property
    def output(self) -> Value:
        """The residual stream after the block."""
        return self.events[-1].value

    def of(self, path: str, *, inputs: bool) -> Value | None:
        """Return what last went into a module, or came out of it; None if it did not run."""
        events = [one for one in self.events if one.path == path and (one.argument is not None) is inputs]
        return events[-1].value if events else None

    def depends(self, value: Value, on: Value) -> bool:
        """Whether a value is computed from another one within the block."""
        waiting, seen = [value], {value}
        while waiting:
            current = waiting.pop()
            if current == on:
                return True
            if current != self.input:
                new = [one for one in sources(current) if one not in seen]
                seen.update(new)
                waiting += new
        return False


def sources(value: Value) -> tuple[Value, ...]:
    """Return the values that a value is computed from at once; parameters and constants are none."""
    return tuple(
        _origin(Value(node, number)) for node, number in value.node.next_functions if node is not None
    )


def summands(value: Value) -> tuple[Value, Value] | None:
    """Return the two values that a value is the plain sum of; None if it is no such sum."""
    node = value.node
    if node.name() != "AddBackward0" or _saved(node, "alpha") != 1:
        return None
    parts = sources(value)
    return (parts[0], parts[1]) if len(parts) == 2 else None


def scaled(value: Value) -> tuple[Value, float] | None:
    """Return the value and the number that a value is the product of; None if it is no such product."""
    parts = sources(value)
    if value.node.name() != "MulBackward0" or len(parts) != 1:
        return None
    factors = [_saved(value.node, name) for name in ("self", "other")]
    numbers = [one for one in factors if isinstance(one, Tensor) and one.ndim == 0 and not one.is_meta]
    return (parts[0], float(numbers[0])) if len(numbers) == 1 else None


def _saved(node: Node, name: str) -> Any:
    """Return an argument that a node keeps for the way back."""
    return getattr(node, f"_saved_{name}")


def observe_graphs(module: nn.Module, embedding: nn.Module, blocks: Iterable[nn.Module]) -> tuple[Graph, ...]:
    """Run three tokens through a backbone and return the graph of every block.

    Raises
    ------
    RuntimeError
        What the forward pass itself raises, on the meta device above all.
    """
    handles: list[RemovableHandle] = []
    records: list[list[Event]] = []
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    device = next(module.parameters()).device
    try:
        for parameter in trained:  # so that values depend on tokens alone
            parameter.requires_grad_(False)
        handles.append(embedding.register_forward_hook(_with_gradient))
        for block in blocks:
            events: list[Event] = []
            records.append(events)
            for path, part in block.named_modules():
                handles.extend(_watch(path, part, events))
        vocab = int(getattr(embedding, "num_embeddings", 1))
        ids = torch.tensor([[-1 % vocab, -2 % vocab, -3 % vocab]], device=device)
        with torch.inference_mode(mode=False), torch.enable_grad(), _answers():
            module(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
        for parameter in trained:
            parameter.requires_grad_(True)
    return tuple(Graph(tuple(events)) for events in records)


def _watch(path: str, part: nn.Module, events: list[Event]) -> Iterator[RemovableHandle]:
    """Yield hooks that note what goes into a module and comes out of it."""

    def before(_: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        arguments: list[tuple[int | str, Any]] = [*enumerate(inputs), *named.items()]
        for argument, tensor in arguments:
            if (found := value_of(tensor)) is not None:
                events.append(Event(path, argument, found))
                return

    def after(_module: nn.Module, _inputs: Any, output: Any) -> None:
        value = output[0] if isinstance(output, tuple | list) and output else output
        if (found := value_of(value)) is not None:
            events.append(Event(path, None, found))

    yield part.register_forward_pre_hook(before, with_kwargs=True)
    yield part.register_forward_hook(after)


def value_of(tensor: Any) -> Value | None:
    """Return the value of a tensor; None for what depends on no token."""
    if not isinstance(tensor, Tensor) or not tensor.requires_grad:
        return None
    edge = get_gradient_edge(tensor)
    return _origin(Value(edge.node, edge.output_nr))


def _origin(value: Value) -> Value:
    while value.node.name() in PASSED_OVER:
        node, number = value.node.next_functions[0]
        if node is None:
            break
        value = Value(node, number)
    return value


def _with_gradient(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
    return output.detach().requires_grad_().clone()  # no leaf, which may not be changed in place


def _answers() -> Any:
    return _Answers()  # type: ignore[no-untyped-call]  # of torch


class _Answers(TorchDispatchMode):  # type: ignore[no-untyped-call]  # of torch
    """Answers what is asked of a number that has none: a truth is true, a number 0."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is ITEM and args[0].is_meta:
            return True if args[0].dtype == torch.bool else 0
        return func(*args, **(kwargs or {}))
