"""Draws by name: frozen streams, nothing but the named parts, no stream like another."""

from __future__ import annotations

import hashlib
import json
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import stats

from superpos.errors import ArgumentError
from superpos.seeding import DRAWS, draw_entropy, generator

EXAMPLES: dict[str, dict[str, int | str]] = {
    "joint_start": {"n": 11, "n_dims": 10, "restart": 0},
    "perturbation": {"n": 11, "n_dims": 10, "restart": 0, "trial": 2},
    "control": {"kind": "permuted", "replicate": 1, "n": 11, "width": 512},
    "label_permutation": {"replicate": 3, "unit": "groups", "units": 400},
    "split": {"seed": 0, "groups": 400},
    "model_weights": {"seed": 7},
    "analysis": {"name": "mantel", "replicate": 0},
    "sample": {"name": "sequences", "seed": 0},
    "planted": {"part": "noise", "layer": 0, "seed": 0},
}
# Literals on purpose: stored results were made from these streams, and a frozen draw is never redrawn.
FROZEN: dict[str, tuple[int, ...]] = {
    "joint_start": (114_312_569_117_684_743, 781_291_759_313_793_680),
    "perturbation": (7_109_757_479_560_348_159, 17_023_770_042_453_717_956),
    "control": (6_824_795_665_987_071_641, 4_786_451_655_505_613_922),
    "label_permutation": (7_373_800_473_630_770_636, 2_300_778_588_344_856_865),
    "split": (15_381_125_288_376_889_009, 237_646_513_410_161_446),
    "model_weights": (1_470_888_727_133_685_459, 7_989_350_338_407_667_950),
    "analysis": (14_923_643_550_391_755_886, 13_034_926_738_451_286_100),
    "sample": (13_891_453_577_522_284_407, 4_088_312_735_129_151_801),
    "planted": (13_170_405_008_752_405_452, 8_877_817_760_662_818_976),
}


def test_every_draw_has_an_example() -> None:
    assert EXAMPLES.keys() == FROZEN.keys() == DRAWS.keys()


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_first_draws_are_frozen(name: str) -> None:
    bits = generator(name, **EXAMPLES[name]).bit_generator.random_raw(2)
    assert tuple(int(word) for word in bits) == FROZEN[name]


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_draw_is_pcg64_seeded_with_the_digest_of_its_name(name: str) -> None:
    spec = {"draw": name, "draw_version": DRAWS[name][0], "parts": EXAMPLES[name]}
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"))
    entropy = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
    assert draw_entropy(name, **EXAMPLES[name]) == entropy
    wanted = np.random.Generator(np.random.PCG64(entropy)).standard_normal(5)
    assert generator(name, **EXAMPLES[name]).standard_normal(5).tobytes() == wanted.tobytes()


def test_generators_are_fresh_and_the_order_of_parts_is_nothing() -> None:
    one = generator("joint_start", n=3, n_dims=2, restart=1)
    one.standard_normal(100)
    again = generator("joint_start", restart=1, n_dims=2, n=3)
    assert again.random() == generator("joint_start", n=3, n_dims=2, restart=1).random()


def test_an_integer_of_numpy_is_the_same_part() -> None:
    assert draw_entropy("model_weights", seed=5) == draw_entropy("model_weights", seed=np.int64(5))  # type: ignore[arg-type] # what a data frame hands over


def test_unknown_draws_and_parts_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"unknown draw 'perturbaton'.*did you mean 'perturbation'"):
        generator("perturbaton", n=1)
    with pytest.raises(ArgumentError, match=r"takes n, n_dims, restart; got n, n_dims$"):
        generator("joint_start", n=1, n_dims=2)
    with pytest.raises(ArgumentError, match=r"got layer, n, n_dims, restart"):
        generator("joint_start", n=1, n_dims=2, restart=0, layer=3)


@pytest.mark.parametrize("value", [1.0, True, None, (1,), np.float64(2.0)])
def test_parts_that_could_be_read_as_another_draw_are_refused(value: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^seed: .*neither a whole number nor text"):
        draw_entropy("model_weights", seed=value)


def test_no_two_draws_share_a_seed() -> None:
    seeds = [
        draw_entropy("perturbation", n=n, n_dims=f, restart=r, trial=t)
        for n, f, r, t in product(range(2, 6), range(2, 6), range(4), range(4))
    ]
    seeds += [draw_entropy("joint_start", n=n, n_dims=2, restart=0) for n in range(2, 6)]
    seeds += [draw_entropy("model_weights", seed=s) for s in range(50)]
    seeds += [draw_entropy("split", seed=s, groups=10) for s in range(50)]
    assert len(set(seeds)) == len(seeds)


def test_neighbouring_draws_are_uncorrelated() -> None:
    rows = np.array(
        [
            generator("perturbation", n=11, n_dims=10, restart=0, trial=t).standard_normal(2000)
            for t in range(20)
        ]
    )
    correlations = np.corrcoef(rows)[np.triu_indices(20, 1)]
    assert np.max(np.abs(correlations)) < 5.0 / np.sqrt(2000)  # five standard errors, 190 pairs
    assert stats.kstest(rows.ravel(), "norm").pvalue > 1e-4
