"""Products of tall and thin matrices: the bits of BLAS where they are computed here, BLAS everywhere else."""

from __future__ import annotations

import numpy as np
import pytest

from superpos.probes import thin
from superpos.threads import one_thread


def blocks(Z, V, D):
    """What `thin.curve` is, by BLAS."""
    images, total = np.empty(D.shape, dtype=np.float32), np.zeros((D.shape[1], Z.shape[1]), dtype=np.float32)
    for start in range(0, len(Z), thin.BLOCK):
        rows = slice(start, start + thin.BLOCK)
        images[rows] = Z[rows] @ V
        total += np.ascontiguousarray((D[rows] * images[rows]).T) @ Z[rows]
    return images, total.T


def drawn(n, d, k, dtype):
    draw = np.random.default_rng(n + d + k)
    return [draw.standard_normal(shape).astype(dtype) for shape in ((n, d), (d, k), (n, k))]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("n", "d", "k"), [(700, 513, 11), (300, 901, 5), (1401, 97, 16), (40, 30, 3), (9, 7, 1)]
)
def test_products_have_the_bits_of_blas(n, d, k, dtype):
    Z, V, _ = drawn(n, d, k, dtype)
    with one_thread():
        np.testing.assert_array_equal(thin.multiply(Z, V), Z @ V)
        turned = np.asfortranarray(V)
        np.testing.assert_array_equal(thin.multiply(Z, turned), Z @ turned)
        np.testing.assert_array_equal(thin.multiply(Z[:, ::2], V[::2]), Z[:, ::2] @ V[::2])


@pytest.mark.parametrize(
    ("n", "d", "k"), [(700, 513, 12), (512, 601, 8), (300, 901, 4), (290, 901, 7), (9, 7, 4)]
)
def test_both_products_have_the_bits_of_blas(n, d, k):
    Z, V, D = drawn(n, d, k, np.float32)
    with one_thread():
        for found, wanted in zip(thin.curve(Z, V, D), blocks(Z, V, D), strict=True):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_compiled_is_a_product_whatever_the_order(dtype):
    """On any processor: against sums in higher precision, edges and cut sums among them."""
    for n, d, k in ((21, 1000, 11), (8, 449, 17), (3, 5, 2)):
        Z, V, _ = drawn(n, d, k, dtype)
        wanted = Z.astype(np.longdouble) @ V.astype(np.longdouble)
        error = np.abs(thin._product(Z, V) - wanted).max()
        assert error <= d * np.finfo(dtype).eps * np.abs(wanted).max()
    Z, V, D = drawn(100, 83, 8, np.float32)
    images, total = np.empty_like(D), np.zeros((8, 83), dtype=np.float32)
    thin._curve(Z, 0, 100, 70, thin._padded(V, 32), D, images, total, thin._parts(83, 4))
    np.testing.assert_allclose(images, Z @ V, atol=1e-4)
    np.testing.assert_allclose(total, (D * (Z @ V)).T @ Z, atol=2e-3)


def test_another_order_of_blas_is_left_to_blas(monkeypatch):
    Z, V, D = drawn(600, 513, 12, np.float32)
    monkeypatch.setattr(thin, "_multiplies_alike", lambda *_shape: False)
    monkeypatch.setattr(thin, "_product", None)
    monkeypatch.setattr(thin, "_curve", None)
    with one_thread():
        np.testing.assert_array_equal(thin.multiply(Z, V), Z @ V)
        np.testing.assert_array_equal(thin.curve(Z, V, D)[1], blocks(Z, V, D)[1])


def test_a_shape_is_tried_before_it_is_trusted(monkeypatch):
    monkeypatch.setattr(thin, "_product", lambda Z, V: np.nextafter(Z @ V, np.float32(9e9)))
    assert not thin._multiplies_alike.__wrapped__(4, 200, 600, 12)


@pytest.mark.parametrize(
    ("length", "size", "parts"),
    [(448, 4, [448]), (449, 4, [224, 225]), (2049, 4, [448, 448, 448, 352, 353]), (1003, 8, [384, 320, 299])],
)
def test_sums_are_cut_as_blas_cuts_them(length, size, parts):
    assert thin._parts(length, size).tolist() == parts
