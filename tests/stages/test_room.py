"""Bytes of a plan: against what SQLite takes for the same rows."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from superpos.db.types import encode_array
from superpos.stages.room import ROW_BYTES, on_pages


@pytest.mark.parametrize("n_dims", [2, 3, 6, 10, 16, 40, 64])
@pytest.mark.parametrize("n", [5, 11, 21, 45])
def test_rows_with_arrays_take_the_pages_of_a_real_table(n: int, n_dims: int) -> None:
    rows = 300
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE ends (a INTEGER, b INTEGER, vectors BLOB, similarities BLOB)")
        before = connection.execute("PRAGMA page_count").fetchone()[0]
        row = (encode_array(np.ones((n, n_dims))), encode_array(np.ones((n, n))))
        connection.executemany("INSERT INTO ends VALUES (?, ?, ?, ?)", [(i, i, *row) for i in range(rows)])
        taken = 4096 * (connection.execute("PRAGMA page_count").fetchone()[0] - before)
    connection.close()
    foreseen = rows * on_pages(ROW_BYTES["fit_arrays"] + 8.0 * (n * n_dims + n**2))
    assert foreseen == pytest.approx(taken, rel=0.25)
