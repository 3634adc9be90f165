"""FixedScaler: a map that no table moves, its constants and their files."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from knn_cert import FixedScaler
from knn_cert.gate.errors import InvalidInput


@parametrize_with_checks([FixedScaler(), FixedScaler(center=1.5, scale=0.5, log=3.0)])
def test_scikit_learn_accepts_the_scaler(estimator, check):
    check(estimator)


def rows(n=12, d=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) * [1.0, 10.0, 100.0][:d] + 5.0


# ------------------------------------------------------------------------------------------------- the map


def test_features_are_moved_and_divided_by_the_constants():
    X = rows()
    scaled = FixedScaler([5.0, 4.0, 3.0], [1.0, 10.0, 50.0]).fit_transform(X)
    np.testing.assert_array_equal(scaled, (X - [5.0, 4.0, 3.0]) / [1.0, 10.0, 50.0])
    np.testing.assert_array_equal(FixedScaler().transform(X), X)


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300), st.floats(1e-3, 1e3))
def test_the_logarithm_is_defined_everywhere_and_increases(x, other, unit):
    low, high = sorted((x, other))
    scaler = FixedScaler(2.0, 0.5, log=unit)
    (one,), (two,), (opposite,) = scaler.transform([[low], [high], [-low]]).tolist()
    assert one <= two + 1e-12 * abs(two)
    assert one + 4.0 == pytest.approx(-(opposite + 4.0))
    expected = (math.copysign(math.log1p(abs(low) / unit), low) - 2.0) / 0.5
    assert one == pytest.approx(expected, rel=1e-12)


def test_constants_stand_by_names_by_positions_or_one_for_all():
    pd = pytest.importorskip("pandas")
    X = np.abs(rows())
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    expected = FixedScaler([0.0, 2.0, 0.0], [1.0, 1.0, 4.0], [np.nan, np.nan, 3.0]).fit_transform(X)
    by_name = FixedScaler({"b": 2.0}, {"c": 4.0}, log={"c": 3.0})
    by_position = FixedScaler({1: 2.0}, {2: 4.0}, log={2: 3.0})
    for scaler in (by_name, by_position):
        np.testing.assert_array_equal(scaler.fit(frame).transform(frame), expected)
        np.testing.assert_array_equal(clone(scaler).transform(frame), expected)
    np.testing.assert_array_equal(by_position.fit(X).transform(X), expected)
    np.testing.assert_array_equal(FixedScaler(2.0, 3.0).fit_transform(X), (X - 2.0) / 3.0)


def test_fitted_on_another_table_it_is_the_same_map():
    X, other = rows(), 1e6 * rows(seed=1)
    scaler = FixedScaler([5.0, 4.0, 3.0], [1.0, 10.0, 50.0], log={0: 2.0})
    expected = scaler.fit(X).transform(X)
    np.testing.assert_array_equal(scaler.fit(other).transform(X), expected)
    np.testing.assert_array_equal(np.vstack([scaler.transform(row[None]) for row in X]), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(scaler)).transform(X), expected)
    assert not (set(vars(scaler)) - set(scaler.get_params()) - {"n_features_in_"})


def test_names_of_features_go_through():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(rows(), columns=["a", "b", "c"], index=range(5, 17))
    scaler = FixedScaler(scale={"b": 2.0}).set_output(transform="pandas")
    scaled = scaler.fit_transform(frame)
    assert scaled.columns.tolist() == ["a", "b", "c"] and scaled.index.tolist() == list(range(5, 17))
    assert scaler.get_feature_names_out().tolist() == ["a", "b", "c"]
    assert make_pipeline(scaler).fit(frame).get_feature_names_out().tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csr_array, sp.csc_matrix])
def test_zeros_of_a_sparse_table_stay_zeros(kind):
    X = rows() * (np.random.default_rng(1).random((12, 3)) < 0.4)
    scaler = FixedScaler(scale=[2.0, 3.0, 4.0], log={1: 2.0})
    scaled = scaler.fit(kind(X)).transform(kind(X))
    assert sp.issparse(scaled) and scaled.nnz == np.count_nonzero(X)
    np.testing.assert_allclose(scaled.toarray(), scaler.fit_transform(X), rtol=1e-15)
    with pytest.raises(InvalidInput, match="X is sparse, and with a center other than 0.*leave it out"):
        FixedScaler([0.0, 1.0, 0.0]).fit(kind(X))


def test_rows_are_not_changed():
    X = rows()
    kept = X.copy()
    X.flags.writeable = False
    FixedScaler(1.0, 2.0, 3.0).fit_transform(X)
    sparse = sp.csr_matrix(kept)
    FixedScaler(scale=2.0).fit_transform(sparse)
    np.testing.assert_array_equal(X, kept)
    np.testing.assert_array_equal(sparse.toarray(), kept)


# ------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"scale": 0.0}, ValueError, "scale must be finite and above 0, got 0 for column 0"),
        ({"scale": [1.0, -2.0, 1.0]}, ValueError, "scale must be finite and above 0, got -2 for column 1"),
        ({"scale": {2: math.inf}}, ValueError, "scale must be finite and above 0, got inf for column 2"),
        ({"center": math.nan}, ValueError, "center must be finite, got nan"),
        ({"center": [1.0, 2.0]}, ValueError, r"center must be one number or 3, .*got an array of shape \(2,"),
        ({"center": "mean"}, TypeError, "center must be an array of real numbers"),
        ({"scale": {"a": 1.0}}, ValueError, "scale names the column 'a', expected .*have no names"),
        ({"log": {3: 1.0}}, ValueError, "log names the column 3, .*positions are 0 to 2"),
        ({"log": {0: 0.0}}, ValueError, "log must be finite and above 0, or NaN for no logarithm, got 0"),
        ({"log": {0: [1.0, 2.0, 3.0]}}, ValueError, "log of column 0 must be one number, got 3"),
        ({"names": "abc"}, TypeError, "names must be names of columns, such as .*got 'abc'"),
        ({"names": ["a"]}, ValueError, "these constants are for 1 columns, a, got 3"),
    ],
)
def test_constants_that_cannot_be_meant_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        FixedScaler(**arguments).fit(rows())
    with pytest.raises(error, match=message):
        FixedScaler(**arguments).transform(rows())


def test_values_that_are_no_numbers_are_refused():
    X = rows()
    X[4, 1] = np.nan
    with pytest.raises(InvalidInput, match="row 4 of column 1 is NaN"):
        FixedScaler().fit(X)
    X[4, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        FixedScaler().transform(X)
    with pytest.raises(InvalidInput, match="larger than double precision"):
        FixedScaler(scale=1e-300).fit(rows()).transform(rows() * 1e10)


def test_tables_with_other_columns_are_refused():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(rows(), columns=["a", "b", "c"])
    scaler = FixedScaler(names=["a", "b", "c"])
    scaler.fit(frame)
    for ask in (FixedScaler(names=["a", "b", "c"]).fit, clone(scaler).transform):
        with pytest.raises(InvalidInput, match="for the columns a, b, c, got b, a, c; .*in this order"):
            ask(frame[["b", "a", "c"]])
        with pytest.raises(InvalidInput, match="got a, b, d; .*and no others"):
            ask(frame.rename(columns={"c": "d"}))
    with pytest.raises(ValueError, match="feature names should match"):
        scaler.transform(frame[["b", "a", "c"]])
    with pytest.raises(ValueError, match="columns are not: city"):
        FixedScaler().fit(frame.assign(city="here"))


# --------------------------------------------------------------------------------------- constants of a table


def test_proposed_constants_make_columns_comparable_and_say_where_they_are_from():
    X = np.column_stack([rows(200), np.full(200, 7.25), np.arange(200) % 2])
    scaler = FixedScaler.from_table(X, keep=[4])
    scaled = scaler.fit_transform(X)
    np.testing.assert_allclose(scaled[:, :3].std(axis=0), 1.0, rtol=0.06)
    assert np.abs(scaled[:, :3].mean(axis=0)).max() < 0.06
    assert scaler.scale[3] == 1.0 and (scaler.center[4], scaler.scale[4]) == (0.0, 1.0)
    for one in scaler.scale.tolist():
        assert float(f"{one:.1e}") == one
    assert scaler.source == "a table of 200 rows" == clone(scaler).source
    assert FixedScaler.from_table(X, source="last year").source == "last year"
    assert FixedScaler([0.0], [1.0]).source is None


def test_centers_are_as_exact_as_scales():
    wide = FixedScaler.from_table([[1234567.0, 0.12345], [1237567.0, 0.12355]])
    assert (wide.center.tolist(), wide.scale.tolist()) == ([1236100.0, 0.1235], [1500.0, 5e-05])
    narrow = FixedScaler.from_table([[0.0], [5e-324]])
    assert narrow.scale.tolist() == [1.0] and narrow.transform([[1.0]]).tolist() == [[1.0]]
    with pytest.raises(InvalidInput, match="scale must be finite and above 0, got inf for column 0"):
        FixedScaler.from_table([[1e308], [-1e308]])


def test_proposed_constants_hardly_depend_on_single_rows():
    X = rows(400)
    one, other = FixedScaler.from_table(X), FixedScaler.from_table(np.delete(X, 17, axis=0))
    np.testing.assert_array_equal(one.scale, other.scale)


def test_units_of_logarithms_are_medians_of_what_is_not_zero():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"n": [0.0, 0.0, 0.0, 8.0, 4.0, 16.0], "x": np.arange(6.0), "none": np.zeros(6)})
    scaler = FixedScaler.from_table(frame, log=["n", "none"])
    np.testing.assert_array_equal(scaler.log, [8.0, np.nan, 1.0])
    assert scaler.names == ["n", "x", "none"]
    expected = np.log1p(frame["n"] / 8.0)
    np.testing.assert_allclose(scaler.transform(frame)[:, 0], (expected - scaler.center[0]) / scaler.scale[0])
    by_mask = FixedScaler.from_table(frame.to_numpy(), log=[True, False, True])
    np.testing.assert_array_equal(by_mask.log, scaler.log)
    with pytest.raises(InvalidInput, match="log names the column 'y', expected one of the 3 columns: they"):
        FixedScaler.from_table(frame, log="y")
    with pytest.raises(TypeError, match="dense"):
        FixedScaler.from_table(sp.csr_matrix(frame.to_numpy()))


# ------------------------------------------------------------------------------------------------------ files


def test_constants_come_back_from_a_file(tmp_path):
    X = np.abs(rows())
    scaler = FixedScaler.from_table(X, names=["a", "ü", "c"], log=[2])
    scaler.save(tmp_path / "constants.json")
    document = json.loads((tmp_path / "constants.json").read_text(encoding="utf-8"))
    assert (document["format"], document["version"]) == ("knn_cert constants", 1)
    assert list(document["columns"]) == ["a", "ü", "c"]
    assert document["columns"]["a"] == {"center": scaler.center[0], "scale": scaler.scale[0], "log": None}
    assert document["columns"]["c"]["log"] == scaler.log[2]
    loaded = FixedScaler.load(tmp_path / "constants.json")
    np.testing.assert_array_equal(loaded.transform(X), scaler.transform(X))
    assert (loaded.names, loaded.source) == (["a", "ü", "c"], "a table of 12 rows")
    turned = FixedScaler.load(tmp_path / "constants.json", names=["c", "a", "ü"])
    np.testing.assert_array_equal(turned.transform(X[:, [2, 0, 1]]), scaler.transform(X)[:, [2, 0, 1]])


def test_names_are_checked_where_constants_are_read(tmp_path):
    path = tmp_path / "constants.json"
    FixedScaler([1.0, 2.0], [3.0, 4.0], names=["a", "b"]).save(path)
    with pytest.raises(InvalidInput, match="constants.json: .*got none for c and some for b, which"):
        FixedScaler.load(path, names=["a", "c"])
    with pytest.raises(InvalidInput, match="for the 3 columns .*got none for c"):
        FixedScaler.load(path, names=["a", "b", "c"])
    pd = pytest.importorskip("pandas")
    with pytest.raises(InvalidInput, match="for the columns a, b, got a, z"):
        FixedScaler.load(path).transform(pd.DataFrame({"a": [0.0], "z": [1.0]}))


def test_what_is_saved_has_names(tmp_path):
    path = tmp_path / "constants.json"
    with pytest.raises(InvalidInput, match="not known how many columns"):
        FixedScaler(2.0).save(path)
    assert not path.exists()
    FixedScaler(2.0).fit(rows()).save(path)
    assert FixedScaler.load(path).names == ["x0", "x1", "x2"]
    FixedScaler(scale=[2.0, 3.0]).save(path)
    assert FixedScaler.load(path).scale.tolist() == [2.0, 3.0]
    with pytest.raises(InvalidInput, match="some occur twice: a"):
        FixedScaler([1.0, 2.0], names=["a", "a"]).save(path)
    with pytest.raises(InvalidInput, match="scale must be"):
        FixedScaler(scale=[2.0, 0.0]).save(path)
    assert FixedScaler.load(path).scale.tolist() == [2.0, 3.0]


COLUMN = {"center": 0, "scale": 1, "log": None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected JSON such as"),
        ('{"format": "knn_cert constants", "format": "knn_cert constants"}', "occur twice"),
        ("[1, 2]", "expected constants such as"),
        ({"format": "other"}, "expected constants such as"),
        ({"version": 2}, "expected version 1, got 2"),
        ({"version": True}, "expected version 1, got True"),
        ({"columns": {}}, "no columns by their names"),
        ({"columns": [COLUMN]}, "no columns by their names"),
        ({"unit": 1}, "also unit"),
        ({"source": 1}, "expected a text as source, got 1"),
        ({"columns": {"a": {"center": 0}}}, "for column 'a'"),
        ({"columns": {"a": COLUMN | {"power": 2}}}, "for column 'a'"),
        ({"columns": {"a": COLUMN | {"log": True}}}, "for column 'a'"),
        ({"columns": {"a": COLUMN | {"scale": "1"}}}, "for column 'a'"),
        ({"columns": {"a": COLUMN | {"scale": 10**400}}}, "for column 'a'"),
        ({"columns": {"a": COLUMN | {"scale": 0}}}, "scale must be finite and above 0, got 0 for column 'a'"),
        ({"columns": {"a": COLUMN | {"log": -1}}}, "log must be .*got -1 for column 'a'"),
    ],
)
def test_files_that_are_no_constants_are_refused_by_name(tmp_path, text, message):
    path = tmp_path / "constants.json"
    if isinstance(text, dict):
        text = json.dumps({"format": "knn_cert constants", "version": 1, "columns": {"a": COLUMN}} | text)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=f"constants.json: .*{message}"):
        FixedScaler.load(path)
