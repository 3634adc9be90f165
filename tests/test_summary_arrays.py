"""Summaries as plain arrays, and classes of parts that are put together: what does not fit is refused."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

from knn_cert import LabelFlips, Summary, summarise


def table(n, d, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    return rng.normal(size=(n, d)) + 0.6 * y[:, None], y, rng.normal(size=(8, d)) + 0.3


def test_a_summary_goes_through_a_file_of_arrays():
    X, y, Q = table(500, 4, 5)
    part = summarise(Q, X, np.where(y == 1, "spam", "ham"), n_neighbors=3, sigma=0.5, classes=["ham", "spam"])
    file = io.BytesIO()
    np.savez(file, **part.to_arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        again = Summary.from_arrays(arrays)
    assert np.array_equal(again.probabilities(3), part.probabilities(3))
    assert again.classes.tolist() == ["ham", "spam"] and again.classes_are_given
    assert again.merge(part).n_rows == 1000


def test_a_summary_can_be_pickled_and_is_columns_of_arrow():
    pa = pytest.importorskip("pyarrow")
    X, y, Q = table(500, 4, 6)
    summary = summarise(Q, X, np.array(["ham", "spam"])[y], n_neighbors=5, sigma=0.5)
    columns = {name: pa.array(np.atleast_1d(array)) for name, array in summary.to_arrays().items()}
    as_arrays = {name: column.to_numpy(zero_copy_only=False) for name, column in columns.items()}
    shapes = {name: array.shape for name, array in summary.to_arrays().items()}
    through_arrow = Summary.from_arrays({name: as_arrays[name].reshape(shapes[name]) for name in shapes})
    for other in (pickle.loads(pickle.dumps(summary)), through_arrow):
        np.testing.assert_array_equal(other.probabilities(5), summary.probabilities(5))
        assert other.merge(summary).n_rows == 1000 and other.classes.tolist() == ["ham", "spam"]


KINDS = {
    "none": {"n_neighbors": 3, "sigma": 0.0},
    "counting": {"n_neighbors": 3, "sigma": 0.5},
    "all": {"n_neighbors": 201, "sigma": 0.5},
}


def arrays_of(kind):
    X, y, Q = table(3000, 3, 5)
    return summarise(Q, X, y, **KINDS[kind]).to_arrays(), KINDS[kind]["n_neighbors"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("near", -1.0),
        ("near", np.nan),
        ("near", np.inf),
        ("near", 1e300),
        ("bound", -1.0),
        ("bound", np.nan),
        ("bound", np.inf),
        ("n_rows", -5),
        ("n_rows", 2),
        ("n_rows", 2**60),
        ("n_rows", 1_000_000),
        ("n_merged", -1),
        ("complete", 7),
        ("squares", -1.0),
        ("squares", np.inf),
        ("moments", np.nan),
        ("moments", 1e9),
        ("moments", -1.0),
        ("piece", -1),
        ("piece", 10**9),
        ("near_start", -1),
        ("near_start", 10**9),
        ("piece_start", 10**9),
    ],
)
@pytest.mark.parametrize("which", ["first", "all"])
def test_one_wrong_number_in_the_arrays_is_refused(kind, name, value, which):
    arrays, _ = arrays_of(kind)
    array = arrays[name] = arrays[name].copy()
    if not array.size:
        pytest.skip("far rows leave nothing")
    changed = slice(0, 1) if which == "first" else slice(None)
    array[changed] = value
    if (name, value, which) == ("n_rows", 1_000_000, "all"):  # more rows far away are possible
        Summary.from_arrays(arrays)
        return
    with pytest.raises(ValueError, match="expected the arrays of a summary"):
        Summary.from_arrays(arrays)


@pytest.mark.parametrize(
    "changes",
    [
        {"counts": None},
        {"counts": np.array([4, 10, 0])},
        {"counts": np.array([8, 0, 0])},
        {"counts": np.array([8, 10])},
        {"counts": np.array([-8, 10, 0])},
        {"counts": np.array([8, 10, 5])},
        {"counts": np.array([8.5, 10, 0])},
        {"classes": np.array([1, 0])},
        {"classes": np.array([[0, 1]])},
        {"classes": np.array([0, 1, 2])},
        {"classes": np.array([0, "a"], dtype=object)},
        {"settings": np.array([-1.0, 4.0, 4.0])},
        {"settings": np.array([1.0, np.nan, 4.0])},
        {"settings": np.array([1.0, 4.0, np.inf])},
        {"settings": np.array([1.0, 4.0, -2.0])},
        {"settings": np.array([1.0, 4.0, 1e18])},
        {"near": np.zeros(3)},
        {"near": np.array(["a"])},
        {"near_start": np.zeros(3, dtype=np.int64)},
        {"near_start": np.zeros(17)},
        {"piece": np.array([10**6])},
        {"far_kind": np.array("some")},
        {"queries": np.array(["a", "b"])},
        {"squares": np.zeros(1)},
        {"squares": np.zeros((16, 1))},
        {"squares": None},
    ],
)
def test_arrays_that_are_no_summary_are_refused(changes):
    arrays = arrays_of("counting")[0] | changes
    arrays = {name: array for name, array in arrays.items() if array is not None}
    with pytest.raises(ValueError, match=".+"):
        Summary.from_arrays(arrays)


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_changed_at_random_never_crash(kind):
    rng = np.random.default_rng(3)
    original, n_neighbors = arrays_of(kind)
    n_refused = 0
    for _ in range(150):
        arrays = {name: array.copy() for name, array in original.items()}
        names = [name for name, array in arrays.items() if array.dtype.kind in "fi" and array.size]
        array = arrays[rng.choice(names)].reshape(-1)
        array[rng.integers(array.size)] = rng.choice([-1, 0, 1, 2, 7, 100, 2**31, 2**62])
        try:
            summary = Summary.from_arrays(arrays)
            found = summary.certify(LabelFlips(), n_neighbors=n_neighbors)[0]
            assert np.isfinite(found.probabilities).all()
        except ValueError:
            n_refused += 1
    assert 30 < n_refused < 150


def part(y, **settings):
    y = np.asarray(y)
    rows = np.arange(2.0 * len(y)).reshape(-1, 2)
    return summarise([[0.0, 1.0]], rows, y, n_neighbors=1, sigma=0.5, **settings)


def test_parts_that_were_told_different_classes_are_refused():
    told, other, not_told = part([0, 1], classes=[0, 1]), part([0, 1], classes=[0, 1, 2]), part([0, 1])
    for one, two in ((told, not_told), (not_told, told)):
        with pytest.raises(ValueError, match=r"told the classes, or none, got both; give classes= for every"):
            one.merge(two)
    with pytest.raises(ValueError, match=r"told the same classes, got 0, 1 and 0, 1, 2"):
        told.merge(other)
    with pytest.raises(ValueError, match="told the same classes"):
        told.merge(part(["a", "b"], classes=["a", "b"]))
    assert told.merge(told).classes_are_given and not not_told.merge(not_told).classes_are_given


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        ([0, 1], ["a", "b"], "one type, got numbers, texts"),
        ([0, 1], np.array(["2020-01-01", "2021-01-01"], dtype="M8[D]"), "one type, got dates, numbers"),
        (["a", "b"], [b"a", b"b"], "one type, got bytes, texts"),
        ([2**53 + 1, 5], [0.5, 1.0], "9007199254740993, which float64 cannot hold"),
        (np.array([2**64 - 1, 5], dtype=np.uint64), [-1, 1], "cannot hold"),
    ],
)
def test_labels_that_would_change_beside_others_are_refused(one, two, said):
    for first, second in ((one, two), (two, one)):
        with pytest.raises(ValueError, match=said):
            part(first).merge(part(second))


@pytest.mark.parametrize(
    ("one", "two", "classes"),
    [
        (np.array(["a", "b"], dtype=object), np.array(["b", "ccc"]), ["a", "b", "ccc"]),
        (np.array([1, 2], dtype=object), [2, 3], [1, 2, 3]),
        ([1, 2], [2.5, 1.0], [1, 2, 2.5]),
        (np.array([1, 2], dtype=np.uint64), np.array([-1, 2], dtype=np.int8), [-1, 1, 2]),
        ([], ["a", "b"], ["a", "b"]),
    ],
)
def test_labels_of_parts_are_put_together(one, two, classes):
    for first, second in ((one, two), (two, one)):
        found = part(first).merge(part(second))
        assert found.classes.tolist() == classes
        rows = {label: [*one, *two].count(label) for label in classes}
        assert found.rows_of_classes.tolist() == list(rows.values())
