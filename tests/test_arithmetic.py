"""Another rounding mode, or small numbers taken for zero: whatever set that, nothing is certified."""

from __future__ import annotations

import ctypes
import platform
import struct
import sys
import threading

import numpy as np
import pytest

from knn_cert import (
    Certificates,
    LabelFlips,
    SmoothedKNNClassifier,
    largest_budget,
    show_config,
    summarise,
    vote_probabilities,
)
from knn_cert._arithmetic import FloatEnvironmentError, check_float_environment

pytestmark = pytest.mark.skipif(
    not (sys.platform == "linux" and platform.machine() == "x86_64"), reason="sets registers of x86-64"
)

# Of the register MXCSR: where glibc keeps it in its fenv_t, and bits of it.
_PLACE, _SIZE = 28, 32
FLUSH_TO_ZERO, DENORMALS_ARE_ZERO = 1 << 15, 1 << 6
DOWNWARD, UPWARD, TOWARD_ZERO = 1 << 13, 2 << 13, 3 << 13


@pytest.fixture
def arithmetic():
    """Set bits of the register that says how numbers are rounded; it is restored at the end."""
    libm = ctypes.CDLL("libm.so.6")
    before = ctypes.create_string_buffer(_SIZE)
    assert libm.fegetenv(before) == 0

    def change(bits):
        changed = bytearray(before.raw)
        (register,) = struct.unpack_from("<I", changed, _PLACE)
        struct.pack_into("<I", changed, _PLACE, register | bits)
        assert libm.fesetenv(bytes(changed)) == 0

    change.restore = lambda: libm.fesetenv(before)
    yield change
    change.restore()


def table():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 60)
    return rng.normal(size=(60, 3)) + y[:, None], y


@pytest.mark.parametrize(
    ("bits", "said"),
    [
        (FLUSH_TO_ZERO, "taken for zero"),
        (DENORMALS_ARE_ZERO, "taken for zero"),
        (FLUSH_TO_ZERO | DENORMALS_ARE_ZERO, "taken for zero"),
        (DOWNWARD, "rounding mode"),
        (UPWARD, "rounding mode"),
        (TOWARD_ZERO, "rounding mode"),
    ],
)
@pytest.mark.parametrize("sigma", [0.0, 0.5])
def test_nothing_is_certified_until_it_is_restored(arithmetic, tmp_path, bits, said, sigma):
    X, y = table()
    classifier = SmoothedKNNClassifier(3, sigma=sigma).fit(X, y)
    certificates = classifier.certify(X[:2], LabelFlips())
    certificates.save(tmp_path / "c.json")
    squares = np.square(X[:1, None] - X).sum(axis=2)
    doors = [
        check_float_environment,
        lambda: classifier.certify(X[:2], LabelFlips()),
        lambda: SmoothedKNNClassifier(3, sigma=sigma).fit(X, y).predict(X[:2]),
        lambda: vote_probabilities(squares, y, n_neighbors=3, sigma=0.5, dof=3),
        lambda: largest_budget(squares, y, LabelFlips(), target_class=0, n_neighbors=3, sigma=0.5, dof=3),
        lambda: summarise(X[:2], X, y, n_neighbors=3, sigma=sigma),
        lambda: Certificates.load(tmp_path / "c.json"),
        lambda: certificates[:1],
    ]
    for door in doors:
        arithmetic(bits)
        try:
            with pytest.raises(Exception, match=said) as raised:
                door()
        finally:
            arithmetic.restore()
        chain, error = [], raised.value
        while error is not None:
            chain.append(error)
            error = error.__cause__
        assert any(isinstance(one, FloatEnvironmentError) for one in chain)
        assert "restore it before anything is certified" in str(raised.value)
    arithmetic(bits)
    assert said in show_config("dict")["backend"]
    arithmetic.restore()
    again = classifier.certify(X[:2], LabelFlips())
    assert np.array_equal(again.budget, certificates.budget)
    check_float_environment()


def test_a_thread_that_others_started_so_is_noticed(arithmetic):
    found = []

    def work():
        try:
            check_float_environment()
        except FloatEnvironmentError as error:
            found.append(error)

    arithmetic(FLUSH_TO_ZERO)
    thread = threading.Thread(target=work)
    thread.start()
    arithmetic.restore()
    thread.join()
    assert len(found) == 1


def test_the_usual_arithmetic_is_taken_as_it_is():
    check_float_environment()
