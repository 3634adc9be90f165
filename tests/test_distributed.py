"""Tables on a cluster answer as they do in memory, whoever dies on the way."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest

from knn_cert import (
    BlackBoxBall,
    Certificates,
    Deletions,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
    SmoothedKNNClassifier,
    summarise,
)
from knn_cert.certificates import joined
from knn_cert.shards.asking import Answer, DoubtWarning

da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")
from dask import delayed  # noqa: E402

from knn_cert.distributed import DistributedKNNClassifier, read_parquet, reading, slices, tree  # noqa: E402
from knn_cert.distributed.chunks import even_chunks  # noqa: E402


@pytest.fixture(scope="module")
def client():
    """Two worker processes of one thread each."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
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
            gc.collect()  # what errors hold on to, also those of threads that are about to end
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
    for chunks in ((half, 3000 - half), 430, 60):
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


def test_what_is_persisted_stays_while_the_classifier_does(client):
    X, y, Q = table(600)
    expected = SmoothedKNNClassifier(5, 0.5).fit(X, y).predict(Q)
    classifier = DistributedKNNClassifier(5, 0.5).fit(*client.persist(in_parts(X, y, 200)))
    gc.collect()
    np.testing.assert_array_equal(classifier.predict(Q), expected)


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


def test_a_worker_that_is_killed_changes_nothing(client, tmp_path):
    X, y, Q = table(60_000, 30)
    pd.DataFrame(X).rename(columns=str).assign(y=y).to_parquet(tmp_path / "t.parquet", row_group_size=3000)
    Q = pd.DataFrame(np.tile(Q, (12, 1))).rename(columns=str)
    expected = SmoothedKNNClassifier(5, 0.5).fit(X, y).certify(Q.to_numpy(), LabelFlips())
    classifier = DistributedKNNClassifier(5, 0.5, queries_at_once=50).fit(
        *read_parquet(tmp_path / "t.parquet", "y", rows_a_part=3000)
    )
    before = client.run(os.getpid)
    killed = []

    def kill(done, total):
        if done >= total // 4 and not killed:
            killed.append(next(iter(before.values())))
            os.kill(killed[0], signal.SIGKILL)

    assert_same(classifier.certify(Q, LabelFlips(), progress=kill), expected)
    assert killed
    client.wait_for_workers(2, timeout=300)
    assert killed[0] not in client.run(os.getpid).values()


def test_queries_that_are_lost_with_a_worker_are_sent_again(client, monkeypatch):
    X, y, Q = table()
    expected = SmoothedKNNClassifier(5, 0.0).fit(X, y).certify(Q, LabelFlips())
    classifier = DistributedKNNClassifier(5, 0.0, queries_at_once=6).fit(*in_parts(X, y, 500))
    scatter, killed = client.scatter, []

    def lost(data, **settings):
        future = scatter(data, **settings)
        if not killed:
            ((holder,),) = client.who_has(future).values()
            killed.append(client.run(os.getpid, workers=[holder])[holder])
            os.kill(killed[0], signal.SIGKILL)
        return future

    monkeypatch.setattr(client, "scatter", lost)
    assert_same(classifier.certify(Q, LabelFlips()), expected)
    client.wait_for_workers(2, timeout=300)
    assert killed and killed[0] not in client.run(os.getpid).values()


def test_who_is_in_doubt_is_asked_again_and_who_stays_so_is_told(client):
    X, y, Q = table(6000, 2, apart=5.0)
    expected = SmoothedKNNClassifier(5, 0.0).fit(X, y).certify(Q, Deletions())
    assert expected.budget.max() > 200
    parts = in_parts(X, y, 1500)
    assert_same(DistributedKNNClassifier(5, 0.0).fit(*parts).certify(Q, Deletions()), expected)
    with pytest.warns(DoubtWarning, match=r"\d+ of 12 queries: what is certified holds"):
        found = DistributedKNNClassifier(5, 0.0, most_near=100).fit(*parts).certify(Q, Deletions())
    assert np.all(found.budget <= expected.budget) and np.any(found.budget < expected.budget)


def tasks_of(client, work):
    """The name of each task that was computed, and where."""
    with distributed.get_task_stream(client, plot=False) as stream:
        work()
    return [(str(one["key"]).strip("('").split("-")[0], one["worker"]) for one in stream.data]


@pytest.mark.parametrize(
    ("n", "apart", "sigma", "threat"), [(40_000, 5.0, 1.0, LabelFlips()), (6000, 2.0, 0.0, Deletions())]
)
def test_budgets_that_grow_with_the_table_are_asked_for_once(client, n, apart, sigma, threat):
    X, y, Q = table(n, 2, apart=apart)
    Q = Q[[1, 7, 9, 11]]
    expected = SmoothedKNNClassifier(5, sigma).fit(X, y).certify(Q, threat)
    needed = summarise(Q, X, y, n_neighbors=5, sigma=sigma, threat=threat)
    assert needed.doubt(5, threat).any()  # with what the vote needs alone
    classifier, found = DistributedKNNClassifier(5, sigma).fit(*in_parts(X, y, n // 4)), []
    names = [name for name, _ in tasks_of(client, lambda: found.append(classifier.certify(Q, threat)))]
    assert_same(found[0], expected)
    assert names.count("summarise") == 4


@pytest.mark.parametrize("order", ["any", "near rows last"])
def test_each_part_keeps_its_share_of_the_near_rows_and_all_where_that_is_too_few(client, order):
    X, y, Q = table(40_000, 2, apart=1.0)
    Q = Q[[2, 0, 4]]
    if order != "any":
        rows = np.argsort(-np.linalg.norm(X - Q[0], axis=1))
        X, y = X[rows], y[rows]
    expected = SmoothedKNNClassifier(5, 0.3).fit(X, y).certify(Q, LabelFlips())
    classifier, found = DistributedKNNClassifier(5, 0.3).fit(*in_parts(X, y, 2000)), []
    assert max(classifier._parts.near(800)) == 2 * 800 // 20 + 64
    names = [name for name, _ in tasks_of(client, lambda: found.append(classifier.certify(Q, LabelFlips())))]
    assert_same(found[0], expected)
    assert (names.count("summarise") == 20) == (order == "any")


def test_what_was_put_together_is_certified_by_all_workers(client):
    X, y, _ = table()
    Q = np.random.default_rng(1).normal(size=(500, 4)) + 0.5
    expected = SmoothedKNNClassifier(5, 0.5).fit(X, y).certify(Q, LabelFlips())
    classifier, found = DistributedKNNClassifier(5, 0.5).fit(*in_parts(X, y, 1500)), []
    for ask, name in (
        (lambda: found.append(classifier.certify(Q, LabelFlips())), "certify"),
        (lambda: found.append(classifier.predict(Q)), "vote"),
    ):
        workers = [worker for task, worker in tasks_of(client, ask) if task == name]
        assert len(workers) == 8 and len(set(workers)) == 2
    assert_same(found[0], expected)
    np.testing.assert_array_equal(found[1], expected.label)


@pytest.mark.parametrize(("sigma", "threat"), [(0.0, Deletions()), (0.5, LabelFlips()), (0.5, None)])
def test_a_slice_of_a_summary_answers_as_the_summary_of_these_queries(sigma, threat):
    X, y, _ = table(2000)
    Q = np.random.default_rng(1).normal(size=(70, 4)) + 0.5
    asked = {"n_neighbors": 5, "sigma": sigma, "threat": threat, "n_near": 40}
    whole = summarise(Q, X, y, **asked)
    cuts = slices.slices_of(70, 8)
    assert [one.stop - one.start for one in cuts] == [17, 18, 17, 18]
    assert slices.slices_of(3, 8) == [slice(0, 3)]
    for cut in cuts:
        some, alone = slices.sliced(whole, cut), summarise(Q[cut], X, y, **asked)
        for mine, its in zip(some.arrays, alone.arrays, strict=True):
            np.testing.assert_array_equal(mine, its)
        with pytest.raises(ValueError, match="same queries"):
            some.merge(alone)
        if threat is not None:
            answer = Answer.of(some, threat, 5, 1)
            assert np.array_equal(
                answer.certificates.budget, whole.certify(threat, n_neighbors=5)[0].budget[cut]
            )
    answers = [summarise(Q[cut], X, y, **asked).vote(5) for cut in cuts]
    for mine, its in zip(slices.joined_votes(answers), whole.vote(5), strict=True):
        np.testing.assert_array_equal(mine, its)


def test_certificates_of_slices_are_kept_and_joined(client, tmp_path):
    X, y, Q = table()
    expected = SmoothedKNNClassifier(5, 0.5).fit(X, y).certify(Q, LabelFlips())
    classifier, asked = DistributedKNNClassifier(5, 0.5).fit(*in_parts(X, y, 1000)), []

    def work(stop_at):
        """Go on where it was stopped."""
        parts = []
        for start in range(0, len(Q), 5):
            file = tmp_path / f"{start:012d}.npz"
            if not file.exists():
                if start >= stop_at:
                    raise KeyboardInterrupt
                asked.append(start)
                classifier.certify(Q[start : start + 5], LabelFlips()).save(file)
            parts.append(Certificates.load(file))
        return joined(parts, np.arange(len(Q)))

    with pytest.raises(KeyboardInterrupt):
        work(stop_at=10)
    assert_same(work(stop_at=12), expected)
    assert asked == [0, 5, 10]


def test_progress_counts_queries(client):
    X, y, Q = table()
    seen = []
    classifier = DistributedKNNClassifier(5, 0.0, queries_at_once=4).fit(*in_parts(X, y, 500))
    classifier.certify(Q, LabelFlips(), progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 12) and seen[-1] == (12, 12) and seen == sorted(seen) and len(seen) == 1 + 3 * 6


def test_what_progress_raises_ends_the_work(client):
    X, y, Q = table()
    threads = set()

    def give_up(done, total):
        threads.add(threading.get_ident())
        if done:
            raise LookupError("enough")

    classifier = DistributedKNNClassifier(5, 0.0, queries_at_once=4).fit(*in_parts(X, y, 500))
    with pytest.raises(LookupError, match="enough"):
        classifier.certify(Q, LabelFlips(), progress=give_up)
    assert threads == {threading.get_ident()}


def delayed_parts(parts, dtype):
    """An array of Dask that says of all its parts that they are of one type."""
    return da.concatenate([da.from_delayed(delayed(one), one.shape, dtype=dtype) for one in parts])


@pytest.mark.parametrize(
    ("labels", "said"), [(["ham", "mushroom", "spam"], "U3"), ([7, 300, 70_000], np.int64)]
)
@pytest.mark.parametrize("cuts", [(0, 1000, 2000, 3000), (0, 750, 1500, 2250, 3000)])
def test_labels_keep_all_their_letters_and_digits(client, labels, said, cuts):
    X, y, Q = table(n_classes=3)
    y = np.sort(y)  # so that parts have labels of their own
    words = np.array(labels)[y]
    parts = [
        words[a:b] if words.dtype.kind == "U" else words[a:b].astype(np.min_scalar_type(words[a:b].max()))
        for a, b in itertools.pairwise(cuts)
    ]
    parts = [np.array(part.tolist()) if part.dtype.kind == "U" else part for part in parts]
    assert len({part.dtype for part in parts}) > 1
    classifier = DistributedKNNClassifier(5, 0.0).fit(
        da.from_array(X, chunks=(1000, -1)), delayed_parts(parts, said)
    )
    assert classifier.classes_.tolist() == labels
    expected = SmoothedKNNClassifier(5, 0.0).fit(X, words).certify(Q, LabelFlips())
    assert_same(classifier.certify(Q, LabelFlips()), expected)


def test_features_that_would_be_rounded_are_refused(client):
    X, y, _ = table(60)
    halves = [delayed_parts([X[:, :2].astype(np.float32)], float), delayed_parts([X[:, 2:]], float)]
    with pytest.raises(ValueError, match=r"X must have one type in all chunks .* got float32 .* float64"):
        DistributedKNNClassifier(3, 0.0).fit(
            da.concatenate(halves, axis=1), da.from_array(y, chunks=60)
        ).predict(X[:2])


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.array(["a", "b", None] * 20, dtype=object), "none may be missing"),
        (np.array(["a", "b", np.nan] * 20, dtype=object), "none may be missing"),
        (np.array([1.0, 2.0, np.nan] * 20), "NaN"),
        (np.array([1, "b"] * 30, dtype=object), "one type"),
        (np.array(["1", "b"] * 30), "numbers or words"),
        (np.array([0.5, 1.0] * 30), "fraction 0.5"),
        (
            np.array([1, 2] * 10 + ["a", "b"] * 20, dtype=object),
            "numbers in rows 0 to 19 of the training table and texts in rows 20 to 39",
        ),
    ],
)
def test_labels_that_are_none_are_refused(client, labels, said):
    with pytest.raises(ValueError, match=said):
        DistributedKNNClassifier(3, 0.0).fit(PARTS[0], da.from_array(labels, chunks=20))


def test_classes_are_those_of_the_fit(client):
    X, y, Q = table(n_classes=2)
    words = np.array(["ham", "spam"])[y]
    given = ["eggs", "ham", "spam"]
    classifier = DistributedKNNClassifier(6, 0.0, classes=given).fit(*in_parts(X, words, 700))
    expected = SmoothedKNNClassifier(6, 0.0, classes=given).fit(X, words)
    for classes in (None, ["ham", "spam"]):
        classifier.set_params(classes=classes)
        assert_same(classifier.certify(Q, LabelFlips()), expected.certify(Q, LabelFlips()))
        assert np.array_equal(classifier.predict(Q), expected.predict(Q))
    for settings, said in (({"n_neighbors": 3001}, "n_neighbors"), ({"sigma": -1.0}, "sigma")):
        with pytest.raises(ValueError, match=said):
            classifier.set_params(**{"n_neighbors": 3, "sigma": 0.0, **settings}).certify(Q)


@pytest.mark.parametrize("labels", [["u", "v"], [0, 0], [0, 1, 2]])
def test_a_table_that_is_another_after_the_fit_is_refused(client, tmp_path, labels):
    X, y, Q = table(300)
    np.save(tmp_path / "y.npy", y)
    read = delayed(np.load, pure=False)(tmp_path / "y.npy")
    features = da.from_array(X, chunks=(300, -1))
    classifier = DistributedKNNClassifier(5, 0.0).fit(features, da.from_delayed(read, (300,), dtype=int))
    np.save(tmp_path / "y.npy", np.resize(labels, 300))
    for ask in (lambda: classifier.certify(Q, LabelFlips()), lambda: classifier.predict(Q)):
        with pytest.raises(ValueError, match="when it was fitted, and has"):
            ask()


def test_a_file_that_is_written_anew_is_refused(client, tmp_path):
    X, y, Q = table(300)
    file = tmp_path / "t.parquet"
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=y)
    Q = pd.DataFrame(Q, columns=list("abcd"))
    frame.to_parquet(file)
    classifier = DistributedKNNClassifier(5, 0.0).fit(*read_parquet(file, "kind"))
    before = file.stat()
    changed = r"t\.parquet: expected the file that read_parquet saw, got another: the file has changed since"

    def refused():
        for ask in (lambda: classifier.certify(Q, LabelFlips()), lambda: classifier.predict(Q)):
            with pytest.raises(ValueError, match=changed):
                ask()

    other = frame.copy()
    other.loc[7, "a"] += 1.0  # as many rows, and as many bytes
    other.to_parquet(file)
    assert file.stat().st_size == before.st_size
    refused()
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # as a copy with its old time
    refused()
    file.unlink()
    with pytest.raises(FileNotFoundError, match="every worker must be able to open it under this name"):
        classifier.predict(Q)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    X, y, _ = table(300)
    file = tmp_path / "t.parquet"
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=y)
    frame.to_parquet(file)
    features, labels = read_parquet(file, "kind")
    find = reading.ParquetParts.parts

    def parts(self, size, start=0):
        frame[::-1].to_parquet(file)
        yield from find(self, size, start)

    monkeypatch.setattr(reading.ParquetParts, "parts", parts)
    with pytest.raises(ValueError, match="has changed since read_parquet"):
        features.compute(scheduler="sync")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a lost interrupt
def test_bad_rows_and_ends_in_the_middle_leave_nothing_behind(client, monkeypatch):
    X, y, Q = table()
    bad = X.copy()
    bad[2900, 1] = np.nan
    classifier = DistributedKNNClassifier(5, 0.0).fit(*in_parts(bad, y, 500))
    with pytest.raises(
        ValueError, match=r"in rows 2500 to 2999 of the training table.*row 400 of column 1 is"
    ):
        classifier.certify(Q, LabelFlips())
    classifier = DistributedKNNClassifier(5, 0.5, queries_at_once=2).fit(*in_parts(X, y, 100))

    caught = threading.Event()

    def interrupt():
        # Again where it came while Python was collecting garbage, and was lost.
        while not caught.wait(0.3 if not presses else 10.0):
            presses.append(1)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    presses = []
    finger = threading.Thread(target=interrupt)
    finger.start()
    with pytest.raises(KeyboardInterrupt):
        classifier.certify(np.tile(Q, (500, 1)), LabelFlips())
    caught.set()
    finger.join()
    expected = SmoothedKNNClassifier(5, 0.5).fit(X, y).certify(Q, LabelFlips())
    assert_same(classifier.certify(Q, LabelFlips()), expected)


def test_summaries_are_put_together_in_a_tree(client, monkeypatch):
    X, y, Q = table()
    expected = SmoothedKNNClassifier(5, 0.3).fit(X, y).certify(Q)
    for fan_in in (2, 3):
        monkeypatch.setattr(tree, "FAN_IN", fan_in)
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
    Q = pd.DataFrame(Q, columns=list("abcd"))
    for path, most, chunks in (
        ("one.parquet", 300, (260, 260, 260, 220)),
        ("many", 200, (150, 150, 100, 150, 150, 100, 200)),
        ("many", 100, (75, 75, 75, 75, 100, 75, 75, 75, 75, 100, 75, 75, 50)),
        ("one.parquet", None, (1000,)),
    ):
        features, labels = read_parquet(tmp_path / path, "kind", rows_a_part=most)
        assert features.shape == (1000, 4) and labels.chunks == (features.chunks[0],) == (chunks,)
        assert_same(DistributedKNNClassifier(5, 0.0).fit(features, labels).certify(Q, LabelFlips()), expected)
    assert features.dtype == np.float32 == features.compute().dtype and labels.compute().dtype == object
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


@pytest.mark.parametrize(
    ("groups", "most", "sizes"),
    [
        ([25_000] * 12, 275_000, [150_000, 150_000]),
        ([300_000], 275_000, [150_000, 150_000]),
        ([1_048_576, 10], 149_000, [131_072] * 7 + [131_082]),
        ([10, 0, 300, 20, 20], 100, [10, 100, 100, 100, 40]),
        ([7, 7, 7], 1, [1] * 21),
        ([5], 5, [5]),
        ([0], 3, []),
        ([], 3, []),
    ],
)
def test_chunks_are_even(groups, most, sizes):
    found = even_chunks(groups, most)
    assert [len(one) for one in found] == sizes
    assert [k for one in found for k in one] == list(range(sum(groups)))


def test_columns_of_parquet(client, tmp_path, monkeypatch):
    X, y, Q = table(60)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=y, at=np.arange(60))
    file = tmp_path / "t.parquet"
    frame.to_parquet(file)
    monkeypatch.chdir(tmp_path)  # where workers are not
    everything = [
        (read_parquet("t.parquet", "kind", drop=["at"]), list("abcd")),
        (read_parquet(file, -2, drop=["at"]), list("abcd")),
        (read_parquet(file, "kind", columns=["c", "a"]), ["c", "a"]),
    ]
    for (features, labels), names in everything:
        assert features.feature_names == names
        assert np.array_equal(features.compute(), frame[names]) and np.array_equal(labels.compute(), y)
    queries = read_parquet(file, None, drop=["kind", "at", "absent"])
    assert np.array_equal(queries.compute(), X)
    assert np.array_equal(read_parquet(file, None, columns=["c"]).compute(), X[:, [2]])
    classifier = DistributedKNNClassifier(5, 0.5).fit(*everything[0][0])
    expected = SmoothedKNNClassifier(5, 0.5).fit(X, y).certify(X, LabelFlips())
    assert_same(classifier.certify(queries, LabelFlips()), expected)


@pytest.mark.parametrize(
    ("label", "settings", "kind", "said"),
    [
        ("kind", {"drop": ["b"]}, ValueError, "there is no column 'b' to leave out"),
        ("kind", {"drop": ["kind"]}, ValueError, "cannot be left out as well"),
        ("kind", {"drop": "a"}, TypeError, "drop must be a list"),
        ("kind", {"columns": "a"}, TypeError, "columns must be a list"),
        ("kind", {"columns": []}, ValueError, "at least one"),
        ("kind", {"columns": ["a", "a"]}, ValueError, "different names"),
        ("kind", {"columns": ["b"]}, ValueError, "expected a feature 'b', got no such column"),
        (1, {"columns": ["kind"]}, ValueError, "expected a feature 'kind', got the label"),
        ("kind", {"columns": ["a"], "drop": ["a"]}, ValueError, "give one of them"),
        (None, {"drop": ["a", "kind"]}, ValueError, "expected feature columns"),
        ("kind", {"rows_a_part": 0}, ValueError, "rows_a_part"),
        (1.0, {}, TypeError, "label must be a column name or position"),
    ],
)
def test_columns_that_are_not_there_are_refused(tmp_path, label, settings, kind, said):
    pd.DataFrame({"a": [0.0, 1.0], "kind": [0, 1]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(kind, match=said):
        read_parquet(tmp_path / "t.parquet", label, **settings)


def test_errors_name_the_rows_of_the_file(client, tmp_path):
    X, y, Q = table(300)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=[*map(str, y)])
    for k in range(3):
        frame[100 * k : 100 * (k + 1)].to_parquet(tmp_path / f"{k}.parquet")
    frame.loc[277, "kind"] = "1.5"
    frame[200:].to_parquet(tmp_path / "2.parquet")
    with pytest.raises(ValueError, match=r"2\.parquet: labels that are numbers .* got '1\.5' in row 78;"):
        DistributedKNNClassifier(5).fit(*read_parquet(tmp_path, "kind", rows_a_part=50))
    frame["kind"] = ["ham", "spam"] * 125 + ["7"] * 50
    frame[100:200].to_parquet(tmp_path / "1.parquet")
    frame[200:].to_parquet(tmp_path / "2.parquet")
    said = r"numbers in rows 51 to 100 of \S*2\.parquet and texts in rows 1 to 50 of \S*0\.parquet"
    frame[100:200].to_parquet(tmp_path / "0.parquet")
    with pytest.raises(ValueError, match=said):
        DistributedKNNClassifier(5).fit(*read_parquet(tmp_path, "kind", rows_a_part=50))
    frame["kind"] = ["ham", "spam"] * 150
    frame.loc[120, "b"] = 1e200
    for k in range(3):
        frame[100 * k : 100 * (k + 1)].to_parquet(tmp_path / f"{k}.parquet")
    classifier = DistributedKNNClassifier(5, 0.0).fit(
        *client.persist(read_parquet(tmp_path, "kind", rows_a_part=50))
    )
    with pytest.raises(ValueError, match=r"in rows 1 to 50 of \S*1\.parquet, counted from their first: "):
        classifier.predict(pd.DataFrame(Q, columns=list("abcd")))


def test_names_of_columns_are_those_of_the_fit(client, tmp_path):
    dd = pytest.importorskip("dask.dataframe")
    pl = pytest.importorskip("polars")
    X, y, Q = table(600)
    names = list("abcd")
    frame = pd.DataFrame(X, columns=names)
    frame.assign(kind=y).to_parquet(tmp_path / "t.parquet", row_group_size=100)
    queries = pd.DataFrame(Q, columns=names)
    queries.to_parquet(tmp_path / "q.parquet")
    expected = SmoothedKNNClassifier(5, 0.5).fit(frame, y)
    whole = dd.from_pandas(frame.assign(kind=y), npartitions=3)
    read = read_parquet(tmp_path / "t.parquet", "kind", rows_a_part=200)
    for features, labels in (
        (whole[names], whole["kind"]),
        (whole[names], whole["kind"].astype(str).astype("category")),
        (whole[names].astype({"a": "Float64"}), whole["kind"].astype("Int64")),
        read,
        client.persist(read),
    ):
        classifier = DistributedKNNClassifier(5, 0.5).fit(features, labels)
        assert classifier.feature_names_in_.tolist() == names and classifier.n_features_in_ == 4
        assert_same(
            DistributedKNNClassifier(5, 0.5).fit(features, labels).certify(queries, LabelFlips()),
            SmoothedKNNClassifier(5, 0.5)
            .fit(frame, y.astype(str) if classifier.classes_.dtype.kind == "U" else y)
            .certify(queries, LabelFlips()),
        )
    for some in (
        queries,
        pl.DataFrame(queries.to_dict("list")),
        dd.from_pandas(queries, npartitions=2),
        read_parquet(tmp_path / "q.parquet", None),
    ):
        np.testing.assert_array_equal(classifier.predict(some), expected.predict(queries))
    for wrong, said in (
        (queries[names[::-1]], "same order"),
        (queries.rename(columns={"a": "z"}), "(?s)unseen at fit time.*z"),
        (queries[names[:3]], "(?s)missing.*d"),
    ):
        with pytest.raises(ValueError, match=said) as theirs:
            expected.predict(wrong)
        for some in (wrong, dd.from_pandas(wrong, npartitions=1)):
            with pytest.raises(ValueError, match=said) as ours:
                classifier.predict(some)
            assert str(ours.value) == str(theirs.value)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        classifier.predict(Q)
    queries.loc[3, "b"] = np.nan
    with pytest.raises(ValueError, match="row 3 of column 'b' is NaN"):
        classifier.certify(queries)
    with pytest.raises(ValueError, match="these columns are not: 'b'|these columns are not: b"):
        DistributedKNNClassifier(5).fit(whole[names].astype({"b": str}), whole["kind"])
    classifier.fit(*in_parts(X, y, 200))
    assert not hasattr(classifier, "feature_names_in_")
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        classifier.predict(queries.fillna(0.0))


@pytest.mark.parametrize("rows_a_part", [75, 150, 1000])
def test_files_whose_labels_have_other_lengths(client, tmp_path, monkeypatch, rows_a_part):
    X, y, Q = table(600, n_classes=3)
    words = np.array(["ham", "mushroom", "spam"])[y]
    words[[0, 300]] = "ham", "mushroom"
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=words)
    frame[:300].to_parquet(tmp_path / "0.parquet", row_group_size=100)
    frame[300:].to_parquet(tmp_path / "1.parquet", row_group_size=100)
    frame[:0].to_parquet(tmp_path / "2.parquet")
    with monkeypatch.context() as patch:
        patch.setattr(reading, "ParquetParts", None)  # the client reads no rows
        features, labels = read_parquet(tmp_path, "kind", rows_a_part=rows_a_part)
    expected = SmoothedKNNClassifier(5, 0.0).fit(X, words).certify(Q, LabelFlips())
    for some in (features, features.rechunk((170, 2))):
        classifier = DistributedKNNClassifier(5, 0.0).fit(some, labels)
        assert classifier.classes_.dtype.kind == "U"
        queries = pd.DataFrame(Q, columns=list("abcd")) if some is features else Q
        assert_same(classifier.certify(queries, LabelFlips()), expected)


def test_parquet_as_pandas_reads_it(tmp_path):
    frame = pd.DataFrame({"a": np.arange(20.0), "kind": [0, 1] * 10})
    indices = {
        "range": pd.RangeIndex(0, 60, 3, name="at"),
        "numbers": pd.Index([7, 5] * 10, name="at"),
        "nameless": pd.Index([7, 5] * 10),
    }
    for name, index in indices.items():
        for row_group_size in (6, 20):
            frame.set_axis(index).to_parquet(tmp_path / "t.parquet", row_group_size=row_group_size)
            features, labels = read_parquet(tmp_path / "t.parquet", "kind", rows_a_part=6)
            expected = np.column_stack([index, frame["a"]]) if name != "nameless" else frame[["a"]]
            assert np.array_equal(features.compute(scheduler="sync"), expected)
            assert np.array_equal(labels.compute(scheduler="sync"), frame["kind"])
    before = features.name
    frame.assign(a=1.0).to_parquet(tmp_path / "t.parquet")
    assert read_parquet(tmp_path / "t.parquet", "kind")[0].name != before  # what is persisted is not it
    frame.loc[13, "kind"] = np.nan
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=6)
    with pytest.raises(ValueError, match=r"t\.parquet: .*label in every row, got none in row 14"):
        read_parquet(tmp_path / "t.parquet", "kind", rows_a_part=6)[1].compute(scheduler="sync")
    frame.to_csv(tmp_path / "t.csv")
    with pytest.raises(ValueError, match="expected a Parquet file or a folder of them, got .csv"):
        read_parquet(tmp_path / "t.csv", "kind")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"broken\.parquet: expected a whole Parquet file"):
        read_parquet(tmp_path / "broken.parquet", "kind")


def test_without_dask_it_says_what_to_install():
    program = "import sys; sys.modules['dask'] = None; import knn_cert.distributed"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert "ImportError" in ended.stderr and "pip install 'knn-cert[distributed]'" in ended.stderr


X, Y, Q = table(60)
PARTS = in_parts(X, Y, 20)


@pytest.mark.parametrize(
    ("X", "y", "settings", "kind", "said"),
    [
        (X, Y, {}, TypeError, "dask.array.from_array"),
        (PARTS[0], Y, {}, TypeError, "y must be an array or a frame of Dask"),
        (PARTS[0], PARTS[1][:50], {}, ValueError, "as many rows, got 60 and 50"),
        (PARTS[0][PARTS[0][:, 0] > 0], PARTS[1], {}, ValueError, "compute_chunk_sizes"),
        (PARTS[0].ravel(), PARTS[1], {}, ValueError, "2 dimension"),
        (*in_parts(X, np.zeros(60, int), 20), {}, ValueError, "two"),
        (PARTS[0] > 0, PARTS[1], {}, TypeError, "X must hold numbers, got bool"),
        (PARTS[0].astype(int).astype("M8[s]"), PARTS[1], {}, ValueError, "days since a fixed day"),
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
        (np.where(np.arange(12)[:, None] == 11, np.nan, Q), None, ValueError, "from number 8 on.*row 3"),
    ],
)
def test_wrong_questions_are_refused(client, queries, threat, kind, said):
    classifier = DistributedKNNClassifier(3, 0.5, queries_at_once=4).fit(*PARTS)
    with pytest.raises(kind, match=said):
        classifier.certify(queries, threat)


def test_without_a_cluster_it_says_how_to_start_one(monkeypatch):
    def none():
        raise ValueError("no clients found")

    monkeypatch.setattr(distributed.Client, "current", none)
    with pytest.raises(ValueError, match=r"Client\(n_workers=2, threads_per_worker=1\)"):
        DistributedKNNClassifier(3).fit(*PARTS)
