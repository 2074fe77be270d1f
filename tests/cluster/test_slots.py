"""Places on actors, and addresses that nothing listens on: no cluster needed."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superpos.cluster.connect import check_address
from superpos.cluster.slots import IN_FLIGHT, Slots
from superpos.errors import InputError


def opened(n_actors: int) -> Slots:
    slots = Slots(n_actors)
    for actor in range(n_actors):
        slots.open(actor)
    return slots


def test_an_actor_that_has_not_started_gets_nothing() -> None:
    slots = Slots(2)
    assert not slots.any_open
    assert slots.take(keep_one=False) is None
    assert slots.take_alone() is None
    slots.open(1)
    assert slots.any_open
    assert [slots.take(keep_one=False) for _ in range(3)] == [1, 1, None]
    slots.close(1)  # it died with both calls
    assert slots.take(keep_one=False) is None
    slots.open(1)
    assert slots.take_alone() == 1


def test_places_are_filled_evenly() -> None:
    slots = opened(3)
    assert [slots.take(keep_one=False) for _ in range(7)] == [0, 1, 2, 0, 1, 2, None]
    slots.give_back(1)
    assert slots.take(keep_one=False) == 1


def test_what_may_kill_has_an_actor_to_itself() -> None:
    slots = opened(2)
    assert slots.take_alone() == 0
    assert [slots.take(keep_one=False) for _ in range(3)] == [1, 1, None]
    assert slots.take_alone() is None
    slots.give_back(0)
    assert slots.take(keep_one=False) == 0


def test_an_actor_is_emptied_for_what_waits() -> None:
    slots = opened(2)
    for _ in range(4):
        slots.take(keep_one=False)
    slots.give_back(1)
    assert slots.take(keep_one=True) is None  # actor 1 is the least busy and is let run dry
    slots.give_back(1)
    assert slots.take_alone() == 1


@given(st.lists(st.sampled_from(["take", "keep", "alone", "back"]), max_size=60), st.integers(1, 4))
def test_no_actor_ever_has_too_much(actions: list[str], n_actors: int) -> None:
    slots = opened(n_actors)
    held: list[tuple[int, bool]] = []
    for action in actions:
        if action == "back":
            if held:
                slots.give_back(held.pop(0)[0])
            continue
        actor = slots.take_alone() if action == "alone" else slots.take(keep_one=action == "keep")
        if actor is not None:
            held.append((actor, action == "alone"))
        for number in range(n_actors):
            mine = [alone for one, alone in held if one == number]
            assert len(mine) <= (1 if any(mine) else IN_FLIGHT)


@pytest.mark.parametrize("form", ["{}", "ray://{}"])
def test_an_address_that_nothing_listens_on_is_refused_at_once(form: str) -> None:
    with socket.socket() as bound:  # bound and not listening: nobody else takes the port
        bound.bind(("127.0.0.1", 0))
        address = form.format(f"127.0.0.1:{bound.getsockname()[1]}")
        with pytest.raises(InputError, match=r"--address: cannot reach a Ray cluster at '.*'") as caught:
            check_address(address)
    assert address in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["127.0.0.1:99999", "no.such.host.invalid:6379", "[::1]:1"])
def test_addresses_that_cannot_be(address: str) -> None:
    with pytest.raises(InputError, match="--address: cannot reach"):
        check_address(address)


@pytest.mark.parametrize("address", ["", "auto", "local"])
def test_other_forms_are_for_ray_to_judge(address: str) -> None:
    check_address(address)


def test_an_address_that_answers_is_accepted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_address(f"127.0.0.1:{server.getsockname()[1]}")
