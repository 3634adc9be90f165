"""Both readers of texts at once: whatever a test reads, they have to agree on it."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from knn_cert.tables import delimited, source
from knn_cert.tables.raw import Words


@contextlib.contextmanager
def both_readers():
    """Read every text by pandas (where there is no doubt) and by our own reader, and compare."""
    read = delimited.read_delimited

    def read_twice(file, select, manner):
        outcomes = []
        for reader in ("pandas", "own"):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(delimited, "_reader", reader)
                try:
                    outcomes.append(read(file, select, manner))
                except ValueError as error:
                    outcomes.append(error)
        by_pandas, ours = outcomes
        if isinstance(ours, ValueError):
            assert isinstance(by_pandas, ValueError) and str(by_pandas) == str(ours)
            raise ours
        assert not isinstance(by_pandas, ValueError), by_pandas
        assert_same(by_pandas, ours)
        return ours

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "read_delimited", read_twice)
        yield


def assert_same(one, other):
    """Compare two tables to the last bit."""
    assert one.names == other.names and one.label_name == other.label_name and one.decimal == other.decimal
    assert one.unit == other.unit and list(one.places) == list(other.places) and one.labels == other.labels
    for ours, theirs in zip(one.columns, other.columns, strict=True):
        assert isinstance(ours, Words) == isinstance(theirs, Words)
        if isinstance(ours, Words):
            assert ours.codes.tolist() == theirs.codes.tolist() and ours[1:] == theirs[1:]
        else:
            assert np.array_equal(ours, theirs, equal_nan=True)
            assert np.array_equal(np.signbit(ours), np.signbit(theirs))
