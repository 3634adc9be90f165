"""Algorithm 1 for any trainer: frozen noise, noise from parameters, distrust of trainers, checkpoints."""

from __future__ import annotations

import functools
import itertools
import json
import math
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from knn_cert import BlackBoxBall, Deletions
from knn_cert.montecarlo import SmoothedEnsemble, UnsoundTrainer, certify_votes, parameters_digest
from knn_cert.smoothing import Noise


def table(n=60, seed=0):
    rng = np.random.default_rng(seed)
    y = np.repeat(["left", "right"], n // 2)
    return rng.normal(size=(n, 2)) + np.where(y == "left", -1.5, 1.5)[:, None], y


QUERIES = np.array([[-2.0, -2.0], [2.0, 2.0], [0.0, 0.1]])


def logistic(X, y, seed):
    return LogisticRegression().fit(X, y)


class NearestMean:
    """A model whose parameters are two means: simple enough to say what it must have seen."""

    def __init__(self, X, y):
        self.classes = np.unique(y)
        self.means = np.stack([X[y == c].mean(axis=0) for c in self.classes])

    def predict(self, Q):
        return self.classes[np.argmin(((Q[:, None] - self.means) ** 2).sum(axis=2), axis=1)]

    def canonical_parameters(self):
        return {"means": self.means}


class Asked(NearestMean):
    """Notes in a list of its trainer that it was asked."""

    def __init__(self, X, y, asked):
        super().__init__(X, y)
        self._asked = asked

    def predict(self, Q):
        self._asked.append(len(Q))
        return super().predict(Q)


class Recorder:
    """Trains `NearestMean` and keeps what it was given."""

    def __init__(self):
        self.given = []

    def __call__(self, X, y, seed):
        self.given.append((X.copy(), y.copy(), seed))
        return NearestMean(X, y)


# --- Algorithm 1 ---


def test_every_model_sees_the_rows_with_noise_of_its_own():
    X, y = table()
    recorder = Recorder()
    SmoothedEnsemble(recorder, sigma=0.5, n_models=400, random_state=0).fit(X, y)
    given = recorder.given  # what the trainer is tried on, a copy of it sees
    assert len(given) == 400
    assert len({seed for _, _, seed in given}) == 400
    noise = np.stack([rows - X for rows, _, _ in given])
    assert all(np.array_equal(labels, y) for _, labels, _ in given)
    n = noise.size
    assert abs(noise.mean()) < 5 * 0.5 / math.sqrt(n)
    assert noise.std() == pytest.approx(0.5, rel=5 / math.sqrt(2 * n))
    # neighbouring rows, features and models are uncorrelated
    for shifted in (noise[1:] * noise[:-1], noise[:, 1:] * noise[:, :-1], noise[..., 1:] * noise[..., :-1]):
        assert abs(shifted.mean()) < 5 * 0.25 / math.sqrt(shifted.size)


def test_votes_are_of_queries_with_noise_from_the_parameters():
    X, y = table()
    ensemble = SmoothedEnsemble(Recorder(), sigma=2.0, n_models=30, random_state=1).fit(X, y)
    expected = np.zeros((3, 2), dtype=int)
    for model in ensemble.models_:
        seed = np.random.SeedSequence(int.from_bytes(parameters_digest(model), "big"))
        offset = 2.0 * np.random.Generator(np.random.PCG64(seed)).standard_normal(2)
        for i, label in enumerate(model.predict(QUERIES + offset)):
            expected[i, int(label == "right")] += 1
    np.testing.assert_array_equal(ensemble.votes(QUERIES), expected)
    bare = clone(ensemble).set_params(test_noise=False).fit(X, y)
    assert not np.array_equal(bare.votes(QUERIES), expected)
    np.testing.assert_array_equal(ensemble.predict_proba(QUERIES), expected / 30)


def test_certificates_are_those_of_the_votes():
    X, y = table()
    ensemble = SmoothedEnsemble(logistic, sigma=0.5, n_models=40, random_state=0).fit(X, y)
    cert = ensemble.certify(QUERIES, BlackBoxBall(4))
    expected = certify_votes(
        ensemble.votes(QUERIES),
        noise=Noise(0.5),
        n_features=2,
        n_train=60,
        classes=np.array(["left", "right"]),
        threat=BlackBoxBall(4),
    )
    np.testing.assert_array_equal(cert.radius, expected.radius)
    np.testing.assert_array_equal(cert.label, ensemble.predict(QUERIES))
    assert cert.label[:2].tolist() == ["left", "right"]
    assert cert.radius[0] > 0.0
    assert "logistic" in cert.guarantee


def test_pilot_models_choose_the_label():
    X, y = table()
    ensemble = SmoothedEnsemble(logistic, sigma=0.5, n_models=40, n_pilot=7, random_state=0).fit(X, y)
    assert (len(ensemble.pilot_models_), len(ensemble.models_)) == (7, 40)
    cert = ensemble.certify(QUERIES)
    assert cert.classifier.n_pilot == 7
    np.testing.assert_array_equal(cert.label, ensemble.predict(QUERIES))
    assert cert.p_lower[0] == pytest.approx(0.001 ** (1 / 40), rel=1e-9)  # unanimous, all of alpha


def test_uniform_noise_stays_within_its_interval():
    X, y = table()
    recorder = Recorder()
    ensemble = SmoothedEnsemble(recorder, sigma=0.5, n_models=20, noise="uniform", random_state=0).fit(X, y)
    noise = np.stack([rows - X for rows, _, _ in recorder.given])
    assert np.abs(noise).max() <= math.sqrt(12) * 0.5 / 2 * (1 + 1e-12)
    assert ensemble.certify(QUERIES).threat == BlackBoxBall(norm="l1")


@pytest.mark.parametrize(
    "make",
    [
        lambda seed: DecisionTreeClassifier(random_state=seed),
        lambda seed: RandomForestClassifier(3, random_state=seed),
        lambda seed: make_pipeline(StandardScaler(), LogisticRegression()),
        lambda seed: MLPClassifier((4,), max_iter=200, random_state=seed),
    ],
    ids=["tree", "forest", "pipeline", "net"],
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_estimators_of_scikit_learn_are_trainers(make):
    X, y = table()

    def train(X, y, seed):
        return make(seed % 2**32).fit(X, y)

    ensemble = SmoothedEnsemble(train, sigma=0.3, n_models=12, random_state=0)
    first, second = ensemble.fit(X, y).votes(QUERIES), clone(ensemble).fit(X, y).votes(QUERIES)
    np.testing.assert_array_equal(first, second)
    assert first.sum(axis=1).tolist() == [12, 12, 12]
    assert first[0, 0] > 6


def test_a_seed_fixes_everything_and_more_models_begin_with_the_same():
    X, y = table()
    few = SmoothedEnsemble(Recorder(), n_models=12, random_state=5).fit(X, y)
    many = SmoothedEnsemble(Recorder(), n_models=15, random_state=5).fit(X, y)
    other = SmoothedEnsemble(Recorder(), n_models=12, random_state=6).fit(X, y)
    for one, two, three in zip(few.models_, many.models_, other.models_, strict=False):
        np.testing.assert_array_equal(one.means, two.means)
        assert not np.array_equal(one.means, three.means)


@pytest.mark.parametrize(
    "trainer", [logistic, lambda X, y, seed: NearestMean(X, y)], ids=["module", "lambda"]
)
def test_models_do_not_depend_on_how_many_processes_train_them(tmp_path, trainer):
    X, y = table()
    alone = SmoothedEnsemble(trainer, n_models=12, random_state=0).fit(X, y)
    calls = []
    ensemble = SmoothedEnsemble(trainer, n_models=12, random_state=0, n_jobs=2)
    ensemble.fit(X, y, progress=lambda done, total: calls.append(done))
    assert [parameters_digest(m) for m in ensemble.models_] == [parameters_digest(m) for m in alone.models_]
    assert calls == list(range(13))


def test_rows_of_float32_and_plain_functions_will_do():
    X, y = table()

    def train(X, y, seed):
        middle = X.sum(axis=1).mean()
        return lambda Q: np.where(Q.sum(axis=1) > middle, 1, 0)

    ensemble = SmoothedEnsemble(train, sigma=0.1, n_models=12, test_noise=False, random_state=0)
    ensemble.fit(X.astype(np.float32), np.repeat([0, 1], 30))
    assert ensemble.votes(QUERIES)[:2].tolist() == [[12, 0], [0, 12]]


def test_queries_are_cut_into_parts_without_a_trace(monkeypatch):
    X, y = table()
    ensemble = SmoothedEnsemble(logistic, n_models=12, random_state=0).fit(X, y)
    queries = np.random.default_rng(0).normal(size=(17, 2))
    whole = ensemble.votes(queries)
    monkeypatch.setattr("knn_cert.montecarlo.rows._QUERY_BYTES", 48)
    np.testing.assert_array_equal(ensemble.votes(queries), whole)


def test_progress_is_told_of_training_and_of_votes():
    X, y = table()
    calls = []
    ensemble = SmoothedEnsemble(logistic, n_models=12, random_state=0)
    ensemble.fit(X, y, progress=lambda done, total: calls.append((done, total)))
    assert calls[0] == (0, 12)
    assert calls[-1] == (12, 12)
    calls.clear()
    ensemble.certify(QUERIES, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (12, 12)


# --- soundness end to end: no certified prediction changes when rows move within the radius ---


def test_certified_votes_hold_for_moved_rows():
    """One feature, `NearestMean` of one row a class: its law is known exactly, certificates can be judged."""
    rng = np.random.default_rng(0)
    checked = 0
    for trial in range(12):
        X = np.array([[0.0], [1.0 + rng.random()]])
        y = np.array([0, 1])
        query = np.array([[rng.uniform(-0.6, 0.3)]])
        ensemble = SmoothedEnsemble(
            Recorder(), sigma=0.4, n_models=200, alpha=0.01, test_noise=False, random_state=trial
        )
        cert = ensemble.fit(X, y).certify(query)
        if cert.abstained[0]:
            continue
        for angle in np.linspace(0, 2 * math.pi, 60, endpoint=False):
            delta = 0.999 * cert.radius[0] * np.array([[math.cos(angle)], [math.sin(angle)]])
            moved = X + delta
            # |q - a - g| < |q - b - h| if and only if (b + h - a - g) and (2q - a - g - b - h) have a product
            # below 0; they are independent normals.
            first = (moved[1, 0] - moved[0, 0]) / (0.4 * math.sqrt(2))
            second = (2 * query[0, 0] - moved[0, 0] - moved[1, 0]) / (0.4 * math.sqrt(2))
            above = [0.5 * math.erfc(-z / math.sqrt(2)) for z in (first, second)]
            p_a = above[0] * (1 - above[1]) + (1 - above[0]) * above[1]
            assert (p_a > 0.5) == (cert.label[0] == 0)
            checked += 1
    assert checked > 100


# --- distrust ---


def broken(kind):
    counter = itertools.count()

    def train(X, y, seed):
        model = NearestMean(X, y)
        if kind == "another model each time":
            model.means = model.means + 1e-9 * next(counter)
        if kind == "wrong labels":
            model.predict = lambda Q: np.full(len(Q), "middle")
        if kind == "numbers for names":
            model.predict = lambda Q: np.zeros(len(Q), dtype=int)
        if kind == "NaN":
            model.predict = lambda Q: np.full((len(Q), 2), np.nan)
        if kind == "too few labels":
            model.predict = lambda Q: np.full(1, "left")
        if kind == "a column too many":
            model.predict = lambda Q: np.zeros((len(Q), 3))
        return model

    return train


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("another model each time", "two different models for the same rows and the same seed"),
        ("wrong labels", "predicted .*middle.*none of the classes"),
        ("numbers for names", "none of the classes"),
        ("NaN", "NaN or infinite"),
        ("too few labels", r"labels of shape \(1,\)"),
        ("a column too many", r"expected probabilities of shape"),
    ],
)
def test_a_trainer_that_cannot_be_trusted_is_refused_at_once(kind, message):
    X, y = table()
    with pytest.raises(UnsoundTrainer, match=message):
        SmoothedEnsemble(broken(kind), n_models=12, random_state=0).fit(X, y)


def test_a_model_that_goes_wrong_later_is_refused_too():
    X, y = table()
    ensemble = SmoothedEnsemble(Recorder(), n_models=12, random_state=0).fit(X, y)
    ensemble.models_[7].predict = lambda Q: np.full((len(Q), 2), np.inf)
    with pytest.raises(UnsoundTrainer, match="NaN or infinite"):
        ensemble.certify(QUERIES)


def test_randomness_that_is_not_from_the_seed_is_found_by_predictions_alone():
    state = np.random.default_rng(0)

    class Coin:
        __slots__ = ()  # no state that could be compared

        def predict(self, Q):
            return state.choice(["left", "right"], len(Q))

    X, y = table()
    with pytest.raises(UnsoundTrainer, match="asked twice of 60 probes.*answers differ"):
        SmoothedEnsemble(lambda X, y, seed: Coin(), test_noise=False, n_models=12, random_state=0).fit(X, y)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"model_factory": 3}, TypeError, "must be callable"),
        ({"model_factory": lambda X, y: None}, TypeError, r"callable as \(X, y, seed\): too many"),
        ({"model_factory": lambda X, y, seed: None}, UnsoundTrainer, "returned a NoneType"),
        ({"sigma": 0.0}, ValueError, "sigma"),
        ({"noise": "laplace"}, ValueError, "noise must be one of"),
        ({"n_models": 0}, ValueError, "n_models must be at least 1"),
        ({"n_models": 2.5}, TypeError, "n_models must be a whole number"),
        ({"n_pilot": -1}, ValueError, "n_pilot must be at least 0"),
        ({"alpha": 1.0}, ValueError, "alpha"),
        ({"random_state": -1}, ValueError, "random_state"),
        ({"random_state": "0"}, TypeError, "random_state"),
        ({"n_jobs": 0}, ValueError, "n_jobs"),
        ({"n_jobs": 1.5}, TypeError, "n_jobs"),
    ],
)
def test_parameters_that_are_none_are_refused(options, error, message):
    X, y = table()
    with pytest.raises(error, match=message):
        SmoothedEnsemble(**{"model_factory": logistic, "n_models": 12} | options).fit(X, y)


def test_one_class_is_none():
    with pytest.raises(ValueError, match="at least two classes"):
        SmoothedEnsemble(logistic, n_models=12).fit(np.zeros((4, 2)), np.zeros(4))


@pytest.mark.parametrize(("n_models", "n_pilot"), [(10, 0), (9, 5)])
def test_too_few_models_are_said_before_any_is_trained(n_models, n_pilot):
    X, y = table()
    recorder = Recorder()
    ensemble = SmoothedEnsemble(recorder, n_models=n_models, n_pilot=n_pilot, random_state=0)
    with pytest.raises(ValueError, match=rf"{n_models} models cannot certify anything.*at least 1[01]"):
        ensemble.fit(X, y)
    assert recorder.given == []


@pytest.mark.parametrize(
    ("options", "threat", "error"),
    [
        ({}, Deletions(1), TypeError),
        ({}, BlackBoxBall(norm="l1"), ValueError),
        ({"alpha": 2.0}, None, ValueError),
        ({"alpha": 1e-9}, None, ValueError),
        ({"simultaneous": True}, None, ValueError),
    ],
)
def test_a_question_that_no_votes_can_answer_is_refused_before_models_are_asked(options, threat, error):
    X, y = table()
    asked = []
    ensemble = SmoothedEnsemble(lambda X, y, seed: Asked(X, y, asked), 0.5, 12, random_state=0).fit(X, y)
    ensemble.set_params(**options)
    asked.clear()
    with pytest.raises(error):
        ensemble.certify(QUERIES, threat)
    assert not asked
    ensemble.votes(QUERIES)
    assert asked


def test_a_fit_that_fails_leaves_no_models_that_other_noise_would_be_claimed_of():
    X, y = table()
    ensemble = SmoothedEnsemble(logistic, sigma=0.1, n_models=12, random_state=0).fit(X, y)
    ensemble.set_params(sigma=10.0, model_factory=lambda X, y, seed: None)
    with pytest.raises(UnsoundTrainer, match="returned a NoneType"):
        ensemble.fit(X, y)
    with pytest.raises(NotFittedError):
        ensemble.certify(QUERIES)


def test_a_trainer_may_describe_itself_for_the_guarantee():
    X, y = table()
    described = Recorder()
    described.description = "the nearest mean"
    for trainer, words in ((described, "of the nearest mean "), (Recorder(), "of Recorder ")):
        ensemble = SmoothedEnsemble(trainer, 0.5, 12, random_state=0).fit(X, y)
        assert f"the smoothed classifier {words}(votes" in ensemble.certify(QUERIES).guarantee


def test_too_few_models_for_all_queries_together_are_said_before_any_votes():
    X, y = table()
    ensemble = SmoothedEnsemble(Recorder(), n_models=11, simultaneous=True, random_state=0).fit(X, y)
    ensemble.models_[0].predict = None  # would fail if it were asked
    with pytest.raises(ValueError, match="11 models cannot certify anything"):
        ensemble.certify(QUERIES)


# --- many at once, and checkpoints ---


class Together(Recorder):
    """A trainer of groups whose models can be kept."""

    models_at_once = 5
    dtype = np.float32

    def __init__(self, fail_at=None):
        super().__init__()
        self.groups, self.fail_at = [], fail_at

    def train_many(self, noised, y, seeds):
        if self.fail_at is not None and self.groups.count(5) == self.fail_at:
            raise KeyboardInterrupt
        self.groups.append(len(seeds))
        return [NearestMean(rows, y) for rows in noised]

    def settings(self):
        return {"kind": "nearest mean"}

    def pack(self, models):
        return {"means": np.stack([model.means for model in models]), "classes": models[0].classes}

    def unpack(self, arrays):
        models = []
        for means in arrays["means"]:
            model = NearestMean.__new__(NearestMean)
            model.means, model.classes = means, arrays["classes"]
            models.append(model)
        return models


def test_groups_are_trained_together_in_the_type_they_want():
    X, y = table()
    trainer = Together()
    ensemble = SmoothedEnsemble(trainer, n_models=12, random_state=0).fit(X, y)
    assert trainer.groups == [5, 5, 2, 1]  # the last one is trained to be compared
    assert ensemble.models_[0].means.dtype == np.float32
    alone = SmoothedEnsemble(Recorder(), n_models=12, random_state=0).fit(X, y)
    for one, two in zip(ensemble.models_, alone.models_, strict=True):
        np.testing.assert_allclose(one.means, two.means, rtol=1e-5)


def test_an_interrupted_fit_continues_from_its_checkpoint(tmp_path):
    X, y = table()
    whole = SmoothedEnsemble(Together(), n_models=12, random_state=0).fit(X, y)
    with pytest.raises(KeyboardInterrupt):
        SmoothedEnsemble(Together(fail_at=2), n_models=12, random_state=0).fit(
            X, y, checkpoint=tmp_path / "c"
        )
    trainer = Together()
    resumed = SmoothedEnsemble(trainer, n_models=12, random_state=0).fit(X, y, checkpoint=tmp_path / "c")
    assert trainer.groups == [2, 1]  # what was missing, and one to be compared
    np.testing.assert_array_equal(resumed.votes(QUERIES), whole.votes(QUERIES))
    assert not [path for path in (tmp_path / "c").iterdir() if path.suffix == ".part"]


@pytest.mark.parametrize(
    "change",
    [{"sigma": 0.5}, {"n_models": 13}, {"random_state": 1}, {"noise": "uniform"}, {"n_pilot": 1}, "X", "y"],
)
def test_a_checkpoint_of_another_ensemble_is_not_taken(tmp_path, change):
    X, y = table()
    ensemble = SmoothedEnsemble(Together(), n_models=12, random_state=0)
    ensemble.fit(X, y, checkpoint=tmp_path)
    if change == "X":
        X = X + 1e-12
    elif change == "y":
        y = y[::-1]
    else:
        ensemble.set_params(**change)
    with pytest.raises(ValueError, match="another ensemble"):
        ensemble.fit(X, y, checkpoint=tmp_path)


def test_damaged_checkpoints_are_named(tmp_path):
    X, y = table()
    ensemble = SmoothedEnsemble(Together(), n_models=12, random_state=0).fit(X, y, checkpoint=tmp_path)
    path = tmp_path / "models-000005.npz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"models-000005\.npz is damaged"):
        ensemble.fit(X, y, checkpoint=tmp_path)
    (tmp_path / "ensemble.json").write_text("{")
    with pytest.raises(ValueError, match=r"ensemble\.json is cut off"):
        ensemble.fit(X, y, checkpoint=tmp_path)


def test_a_checkpoint_needs_a_seed_and_a_trainer_that_can_keep_models(tmp_path):
    X, y = table()
    with pytest.raises(ValueError, match="needs random_state"):
        SmoothedEnsemble(Together(), n_models=12).fit(X, y, checkpoint=tmp_path)
    with pytest.raises(TypeError, match=r"settings\(\), pack"):
        SmoothedEnsemble(logistic, n_models=12, random_state=0).fit(X, y, checkpoint=tmp_path)


# --- digests ---


VALUES = {
    "floats": np.arange(6.0).reshape(2, 3),
    "other shape": np.arange(6.0).reshape(3, 2),
    "other type": np.arange(6, dtype=np.float32).reshape(2, 3),
    "other value": np.arange(6.0).reshape(2, 3) + np.eye(2, 3) * 1e-15,
    "list": [0.0, 1.0],
    "nested": [[0.0], 1.0],
    "dict": {"a": 1, "b": 2},
    "other key": {"a": 1, "c": 2},
    "set": {1, 2, 3},
    "none": None,
    "false": False,
    "zero": 0,
    "text": "0",
    "bytes": b"0",
    "objects": np.array(["a", None], dtype=object),
    "estimator": LogisticRegression(C=2.0),
    "other estimator": LogisticRegression(C=3.0),
    "type": NearestMean,
    "minus zero": -0.0,
    "zero float": 0.0,
}


def test_different_parameters_have_different_digests():
    digests = {name: parameters_digest(value) for name, value in VALUES.items()}
    assert len(set(digests.values())) == len(VALUES)


def test_how_parameters_lie_in_memory_does_not_count():
    a = np.arange(6.0).reshape(2, 3)
    same = [a, np.asfortranarray(a), a.astype(">f8"), np.stack([a, a], axis=2)[..., 0]]
    assert len({parameters_digest(array) for array in same}) == 1
    assert parameters_digest({"a": 1, "b": 2}) == parameters_digest({"b": 2, "a": 1})
    padded = np.dtype({"names": ["x", "y"], "formats": ["u1", "f8"], "offsets": [0, 8], "itemsize": 16})
    records = [
        np.zeros(3, dtype=padded),
        np.frombuffer(b"\x00" + b"\xff" * 7 + b"\x00" * 8, dtype=padded).repeat(3),
    ]
    for array in records:
        array = array.copy()
        array["x"], array["y"] = 1, 2.0
        records.append(array) if len(records) < 4 else None
    assert parameters_digest(records[2]) == parameters_digest(records[3])


def test_functions_are_what_they_hold():
    def constant(value, other=0):
        return lambda Q, more=other: np.full(len(Q), value)

    functions = [
        constant(1),
        constant(2),
        constant(1, 3),
        NearestMean(np.eye(2), np.arange(2)).predict,
        NearestMean(2 * np.eye(2), np.arange(2)).predict,
        functools.partial(max, 1),
        functools.partial(max, 2),
    ]
    assert len({parameters_digest(function) for function in functions}) == len(functions)
    assert parameters_digest(constant(1)) == parameters_digest(constant(1))


def test_a_model_that_holds_itself_has_a_digest():
    model = BaseEstimator()
    model.me = model
    assert len(parameters_digest(model)) == 32

    def countdown(n):
        return countdown(n - 1) if n else 0

    assert len(parameters_digest(countdown)) == 32


def test_what_has_no_bytes_is_refused_with_the_remedy(tmp_path):
    model = BaseEstimator()
    refused = pytest.raises(TypeError, match=r"no canonical bytes.*canonical_parameters\(\)")
    with (tmp_path / "f").open("w") as model.file, refused:
        parameters_digest(model)


def test_digests_and_noise_are_the_same_in_another_process():
    """The same parameters, the same noise: strings are hashed with another salt in each process."""
    program = textwrap.dedent(
        """
        import json
        import numpy as np
        from sklearn.ensemble import RandomForestClassifier
        from knn_cert.montecarlo import SmoothedEnsemble, parameters_digest
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(40, 3)), np.repeat(["a", "b"], 20)
        def train(X, y, seed):
            model = RandomForestClassifier(2, random_state=seed % 2**32).fit(X, y)
            model.words = {"one", "two", "three", "four"}
            return model
        ensemble = SmoothedEnsemble(train, n_models=3, alpha=0.4, random_state=0).fit(X, y)
        digests = [parameters_digest(model).hex() for model in ensemble.models_]
        print(json.dumps([digests, ensemble.votes(X).tolist()]))
        """
    )
    outputs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert json.loads(outputs[0]) == json.loads(outputs[1])
