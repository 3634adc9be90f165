"""Tables on a cluster answer as they do in memory, whoever dies on the way."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest

from knn_cert import (
    BlackBoxBall,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
    SmoothedKNNClassifier,
)
from knn_cert.shards.asking import DoubtWarning

da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

from knn_cert.distributed import DistributedKNNClassifier, read_parquet, tree  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(scope="module")
def client():
    """Two worker processes of one thread each."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def _nothing_is_left(request):
    yield
    if "client" in request.fixturenames:
        client = request.getfixturevalue("client")
        for _ in range(100):
            if not client.futures:
                break
            time.sleep(0.05)
        assert not client.futures


def table(n=3000, d=4, n_classes=2, seed=0, apart=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    X = rng.normal(size=(n, d)) + apart * y[:, None]
    return X, y, rng.normal(size=(12, d)) + apart / 2


def in_parts(X, y, chunks):
    return da.from_array(X, chunks=(chunks, -1)), da.from_array(y, chunks=chunks)


def assert_same(found, expected, **tolerance):
    np.testing.assert_allclose(found.probabilities, expected.probabilities, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.budget, expected.budget, rtol=1e-8, atol=1e-9)
    for name in ("label", "abstained", "query", "classes"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))
    assert (found.n_train, found.n_features, found.threat) == (
        expected.n_train,
        expected.n_features,
        expected.threat,
    )
    assert found.guarantee == expected.guarantee


OFFERED = [
    (0.0, 2, LabelFlips()),
    (0.0, 2, Insertions()),
    (0.0, 2, Replacements(3)),
    (0.0, 2, RowShift(2)),
    (0.0, 2, BlackBoxBall()),
    (0.0, 3, Deletions(4)),
    (0.0, 3, LabelFlips()),
    (0.0, 3, BlackBoxBall(2)),
    (0.5, 2, LabelFlips()),
    (0.5, 2, Deletions()),
    (0.5, 2, Insertions()),
    (0.5, 2, Replacements(0.01)),
    (0.5, 2, BlackBoxBall(5)),
    (0.5, 3, None),
]


@pytest.mark.parametrize(("sigma", "n_classes", "threat"), OFFERED)
def test_a_cluster_certifies_what_the_whole_table_does(client, sigma, n_classes, threat):
    X, y, Q = table(n_classes=n_classes)
    expected = SmoothedKNNClassifier(5, sigma).fit(X, y).certify(Q, threat)
    for chunks in (3000, 1000, (1, 0, 499, 2500)):
        classifier = DistributedKNNClassifier(5, sigma, queries_at_once=5).fit(*in_parts(X, y, chunks))
        assert (classifier.n_samples_fit_, classifier.n_features_in_) == X.shape
        assert_same(classifier.certify(Q, threat), expected)


def test_any_parts_of_table_and_queries(client):
    X, y, Q = table()
    order = np.argsort(y, kind="stable")  # one class a part
    expected = SmoothedKNNClassifier(15, 0.4).fit(X, y).certify(Q, LabelFlips())
    X, y = X[order], y[order]
    half = int((y == 0).sum())
    for chunks in ((half, 3000 - half), 430, 130):
        classifier = DistributedKNNClassifier(15, 0.4).fit(*in_parts(X, y, chunks))
        for queries in (
            Q,
            Q.tolist(),
            da.from_array(Q, chunks=(5, 2)),
            da.from_array(Q, chunks=((1, 0, 11), 4)),
        ):
            assert_same(classifier.certify(queries, LabelFlips()), expected)
    np.testing.assert_allclose(classifier.predict_proba(Q), expected.probabilities, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(classifier.predict(da.from_array(Q, chunks=4)), expected.label)


def test_words_as_labels_and_classes_that_are_given(client):
    X, y, Q = table(n_classes=3)
    words = np.array(["no", "perhaps", "yes"])[y]
    given = ["never", "no", "perhaps", "yes"]
    for labels in (words, words.astype(object)):
        classifier = DistributedKNNClassifier(6, 0.0, classes=given).fit(*in_parts(X, labels, 700))
        expected = SmoothedKNNClassifier(6, 0.0, classes=given).fit(X, words).certify(Q, LabelFlips())
        assert_same(classifier.certify(Q, LabelFlips()), expected)
    with pytest.raises(ValueError, match="perhaps"):
        DistributedKNNClassifier(classes=["no", "yes"]).fit(*in_parts(X, words, 700))


def test_a_worker_that_is_killed_changes_nothing(client, tmp_path, monkeypatch):
    X, y, Q = table(60_000, 30)
    pd.DataFrame(X).rename(columns=str).assign(y=y).to_parquet(tmp_path / "t.parquet", row_group_size=3000)
    monkeypatch.setattr("knn_cert.distributed.reading._PART_BYTES", 1)
    Q = np.tile(Q, (12, 1))
    expected = SmoothedKNNClassifier(5, 0.5).fit(X, y).certify(Q, LabelFlips())
    classifier = DistributedKNNClassifier(5, 0.5, queries_at_once=50).fit(
        *read_parquet(tmp_path / "t.parquet", "y")
    )
    before = client.run(os.getpid)
    killed = []

    def kill(done, total):
        if done >= total // 4 and not killed:
            killed.append(next(iter(before.values())))
            os.kill(killed[0], signal.SIGKILL)

    assert_same(classifier.certify(Q, LabelFlips(), progress=kill), expected)
    assert killed
    client.wait_for_workers(2, timeout=60)
    assert killed[0] not in client.run(os.getpid).values()


def test_who_is_in_doubt_is_asked_again_and_who_stays_so_is_told(client):
    X, y, Q = table(6000, 2, apart=5.0)
    expected = SmoothedKNNClassifier(5, 0.0).fit(X, y).certify(Q, Deletions())
    assert expected.budget.max() > 200
    parts = in_parts(X, y, 1500)
    assert_same(DistributedKNNClassifier(5, 0.0).fit(*parts).certify(Q, Deletions()), expected)
    with pytest.warns(DoubtWarning, match=r"\d+ of 12 queries: what is certified holds"):
        found = DistributedKNNClassifier(5, 0.0, most_near=100).fit(*parts).certify(Q, Deletions())
    assert np.all(found.budget <= expected.budget) and np.any(found.budget < expected.budget)


def test_progress_counts_queries(client):
    X, y, Q = table()
    seen = []
    classifier = DistributedKNNClassifier(5, 0.0, queries_at_once=4).fit(*in_parts(X, y, 500))
    classifier.certify(Q, LabelFlips(), progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 12) and seen[-1] == (12, 12) and seen == sorted(seen) and len(seen) == 1 + 3 * 6


def test_bad_rows_and_ends_in_the_middle_leave_nothing_behind(client, monkeypatch):
    X, y, Q = table()
    bad = X.copy()
    bad[2900, 1] = np.nan
    classifier = DistributedKNNClassifier(5, 0.0).fit(*in_parts(bad, y, 500))
    with pytest.raises(ValueError, match="NaN|missing"):
        classifier.certify(Q, LabelFlips())
    classifier = DistributedKNNClassifier(5, 0.5, queries_at_once=2).fit(*in_parts(X, y, 100))

    timer = threading.Timer(0.3, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        classifier.certify(np.tile(Q, (500, 1)), LabelFlips())
    expected = SmoothedKNNClassifier(5, 0.5).fit(X, y).certify(Q, LabelFlips())
    assert_same(classifier.certify(Q, LabelFlips()), expected)


def test_summaries_are_put_together_in_a_tree(client, monkeypatch):
    X, y, Q = table()
    expected = SmoothedKNNClassifier(5, 0.3).fit(X, y).certify(Q)
    for fan_in in (2, 3):
        monkeypatch.setattr(tree, "_FAN_IN", fan_in)
        assert_same(DistributedKNNClassifier(5, 0.3).fit(*in_parts(X, y, 300)).certify(Q), expected)


def test_parquet_row_groups_are_parts(client, tmp_path):
    X, y, Q = table(1000)
    frame = pd.DataFrame(X.astype(np.float32), columns=list("abcd"))
    frame.insert(2, "kind", np.array(["ham", "spam"])[y])
    frame.to_parquet(tmp_path / "one.parquet", row_group_size=130)
    (tmp_path / "many").mkdir()
    for k in range(3):
        frame[k * 400 : (k + 1) * 400].to_parquet(tmp_path / "many" / f"{k}.parquet", row_group_size=150)
    expected = SmoothedKNNClassifier(5, 0.0).fit(X.astype(np.float32), frame["kind"]).certify(Q, LabelFlips())
    for path, monkey in (("one.parquet", 8 * 4 * 300), ("many", 1), ("one.parquet", 1 << 26)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("knn_cert.distributed.reading._PART_BYTES", monkey)
            features, labels = read_parquet(tmp_path / path, "kind")
        assert features.shape == (1000, 4) and labels.chunks == (features.chunks[0],)
        assert_same(DistributedKNNClassifier(5, 0.0).fit(features, labels).certify(Q, LabelFlips()), expected)
    frame[::-1].drop(columns="d").to_parquet(tmp_path / "many" / "3.parquet")
    with pytest.raises(ValueError, match=r"3\.parquet: expected the columns of"):
        read_parquet(tmp_path / "many", "kind")
    with pytest.raises(ValueError, match="there is no label column 'sort'"):
        read_parquet(tmp_path / "one.parquet", "sort")
    frame.loc[700, "b"] = np.nan
    frame.to_parquet(tmp_path / "gap.parquet", row_group_size=130)
    classifier = DistributedKNNClassifier(5, 0.0).fit(*read_parquet(tmp_path / "gap.parquet", "kind"))
    with pytest.raises(ValueError, match=r"gap\.parquet: .*missing .*row 701"):
        classifier.certify(Q, LabelFlips())


X, Y, Q = table(60)
PARTS = in_parts(X, Y, 20)


@pytest.mark.parametrize(
    ("X", "y", "settings", "kind", "said"),
    [
        (X, Y, {}, TypeError, "dask.array.from_array"),
        (PARTS[0], Y, {}, TypeError, "y must be an array of Dask"),
        (PARTS[0], PARTS[1][:50], {}, ValueError, "as many rows, got 60 and 50"),
        (PARTS[0][PARTS[0][:, 0] > 0], PARTS[1], {}, ValueError, "compute_chunk_sizes"),
        (PARTS[0].ravel(), PARTS[1], {}, ValueError, "2 dimension"),
        (*in_parts(X, np.zeros(60, int), 20), {}, ValueError, "two"),
        (*PARTS, {"n_neighbors": 61}, ValueError, "n_neighbors"),
        (*PARTS, {"sigma": -1.0}, ValueError, "sigma"),
        (*PARTS, {"n_threads": 0}, ValueError, "n_threads"),
        (*PARTS, {"most_near": 0}, ValueError, "most_near"),
        (*PARTS, {"client": 3}, TypeError, "distributed.Client"),
    ],
)
def test_wrong_tables_and_settings_are_refused(client, X, y, settings, kind, said):
    with pytest.raises(kind, match=said):
        DistributedKNNClassifier(**{"n_neighbors": 3, **settings}).fit(X, y)


@pytest.mark.parametrize(
    ("queries", "threat", "kind", "said"),
    [
        (Q[:, :3], None, ValueError, "4 features"),
        (Q[0], None, ValueError, "shape"),
        (Q[:0], None, ValueError, "at least one query"),
        (Q, QueryShift(0.1), ValueError, "not certified for a table in parts"),
        (Q, RowShift(2), ValueError, "take sigma=0"),
        (Q, "flips", TypeError, "threat"),
        (np.full((2, 4), np.inf), None, ValueError, "infinity"),
    ],
)
def test_wrong_questions_are_refused(client, queries, threat, kind, said):
    classifier = DistributedKNNClassifier(3, 0.5).fit(*PARTS)
    with pytest.raises(kind, match=said):
        classifier.certify(queries, threat)


def test_without_a_cluster_it_says_how_to_start_one(monkeypatch):
    def none():
        raise ValueError("no clients found")

    monkeypatch.setattr(distributed.Client, "current", none)
    with pytest.raises(ValueError, match=r"Client\(n_workers=2, threads_per_worker=1\)"):
        DistributedKNNClassifier(3).fit(*PARTS)
