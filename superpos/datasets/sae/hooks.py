"""Where an autoencoder's vectors live: its configuration's words in ours, held against what a study says."""

from __future__ import annotations

import re

from superpos.datasets.sae.configs import UNKNOWN_LAYER, Hook
from superpos.errors import ArgumentError, InputError, shown
from superpos.specs.hook_names import read_hookpoint

_NUMBER = re.compile(r"(?:^|[._\[])([0-9]{1,9})(?:[.\]]|$)")


def place_of(hook: Hook, source: str, hookpoint: str, layer: int) -> tuple[str, int]:
    """Return the hookpoint and the layer of an autoencoder's vectors.

    Parameters
    ----------
    hook
        What its configuration says.
    source
        The configuration, for messages.
    hookpoint, layer
        What the study says, by our names; empty and -1 for nothing.

    Raises
    ------
    InputError
        If the configuration contradicts itself or the study, or names a place that is no hookpoint here and
        the study does not say where that is.
    """
    if not hook.name:
        if UNKNOWN_LAYER not in (layer, hook.layer) and layer != hook.layer:
            raise _contradiction(f"{source}: layer {hook.layer}", "layer", layer)
        return hookpoint, hook.layer if layer == UNKNOWN_LAYER else layer
    said = f"{source}: {hook.key} {shown(hook.name)}"
    try:
        found = read_hookpoint(hook.name, hook.key)
    except ArgumentError as error:
        if hookpoint:
            return hookpoint, layer
        raise InputError(
            f"{source}: {error}; or say in the set, by `hookpoint` and `layer`, what the views are to show"
        ) from error
    number = _NUMBER.search(hook.name)
    if number and hook.layer not in (UNKNOWN_LAYER, int(number[1])):
        raise InputError(f"{said} contradicts its layer {hook.layer}; one of them is wrong")
    its_layer = hook.layer if found.layer is None else found.layer
    meant = f"{said}, here {found.hookpoint} of layer {its_layer},"
    if hookpoint not in ("", found.hookpoint):
        raise _contradiction(meant, "hookpoint", hookpoint)
    if layer not in (UNKNOWN_LAYER, its_layer):
        raise _contradiction(meant, "layer", layer)
    return found.hookpoint, its_layer


def _contradiction(said: str, key: str, value: str | int) -> InputError:
    return InputError(f"{said} contradicts {key} = {shown(value)} of the set; leave {key} out")
