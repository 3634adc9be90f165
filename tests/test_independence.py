"""Trainers that hand out one model many times, and models that do not stay what they are, are refused."""

from __future__ import annotations

import copy
import threading
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from knn_cert.montecarlo import SmoothedEnsemble, UnsoundTrainer, parameters_digest

LARGE = 300  # more rows than a trainer is tried on


def table(n=60, seed=0):
    rng = np.random.default_rng(seed)
    y = np.repeat(["left", "right"], n // 2)
    return rng.normal(size=(n, 2)) + np.where(y == "left", -1.5, 1.5)[:, None], y


CLEAN = table()
QUERIES = np.array([[-2.0, -2.0], [2.0, 2.0], [0.0, 0.1]])


def fit(train, n=60, n_models=14, checkpoint=None, **options):
    ensemble = SmoothedEnsemble(train, sigma=0.5, n_models=n_models, random_state=0, **options)
    return ensemble.fit(*table(n), checkpoint=checkpoint)


# --- one model many times ---


def shared_model():
    shared = LogisticRegression()
    return lambda X, y, seed: shared.fit(X, y)


def method_of_a_shared_model():
    shared = GaussianNB()
    return lambda X, y, seed: shared.fit(X, y).predict


def function_around_a_shared_model():
    shared = GaussianNB()

    def train(X, y, seed):
        shared.fit(X, y)
        return lambda Q: shared.predict(Q)

    return train


class _Nothing:
    def predict(self, Q):
        raise RuntimeError("no model yet")


MODEL = _Nothing()


def global_model():
    def train(X, y, seed):
        global MODEL
        MODEL = GaussianNB().fit(X, y)
        return lambda Q: MODEL.predict(Q)

    return train


class UsesGlobalModel:
    def predict(self, Q):
        return MODEL.predict(Q)


def object_that_uses_a_global_model():
    def train(X, y, seed):
        global MODEL
        MODEL = GaussianNB().fit(X, y)
        return UsesGlobalModel()

    return train


def two_models_in_turn():
    pair, calls = [GaussianNB(), GaussianNB()], []

    def train(X, y, seed):
        calls.append(None)
        return pair[len(calls) % 2].fit(X, y)

    return train


def warm_start():
    shared = LogisticRegression(warm_start=True, max_iter=3)

    def train(X, y, seed):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return copy.deepcopy(shared.fit(X, y))

    return train


def partial_fits():
    shared = GaussianNB()
    return lambda X, y, seed: copy.deepcopy(shared.partial_fit(X, y, classes=["left", "right"]))


def cached_model():
    cache = {}

    def train(X, y, seed):
        if "model" not in cache:
            cache["model"] = GaussianNB().fit(X, y)
        return copy.deepcopy(cache["model"])

    return train


def cached_by_labels():
    cache = {}

    def train(X, y, seed):
        if y.tobytes() not in cache:
            cache[y.tobytes()] = GaussianNB().fit(X, y)
        return copy.deepcopy(cache[y.tobytes()])

    return train


def scaler_of_the_first_rows():
    kept = []

    def train(X, y, seed):
        if not kept:
            kept.append(StandardScaler().fit(X))
        scaler = kept[0]
        model = GaussianNB().fit(scaler.transform(X), y)
        return lambda Q: model.predict(scaler.transform(Q))

    return train


class KeepsFirstRows:
    """An object that keeps something, and not a function that does."""

    def __call__(self, X, y, seed):
        if not hasattr(self, "scaler"):
            self.scaler = StandardScaler().fit(X)
        return make_pipeline(self.scaler, GaussianNB().fit(self.scaler.transform(X), y))


def the_wrong_variable():
    X_clean, y_clean = CLEAN
    return lambda X, y, seed: GaussianNB().fit(X_clean, y_clean)


def the_wrong_rows_and_a_seed():
    X_clean, _ = CLEAN
    return lambda X, y, seed: RandomForestClassifier(3, random_state=seed % 2**32).fit(X_clean, y)


def trained_before():
    model = GaussianNB().fit(*CLEAN)
    return lambda X, y, seed: copy.deepcopy(model)


def no_look_at_the_rows():
    return lambda X, y, seed: DummyClassifier(strategy="most_frequent").fit(X, y)


MISTAKES = [
    (shared_model, "models 0 and 1 are one object, a LogisticRegression.*clone"),
    (method_of_a_shared_model, "models 0 and 1 are one object, a GaussianNB.*clone"),
    (function_around_a_shared_model, "the first one moved when another one was trained.*clone"),
    (global_model, "the first one moved when another one was trained"),
    (object_that_uses_a_global_model, "the first one moved when|must depend on the noised rows"),
    (two_models_in_turn, "models 0 and 2 are one object, a GaussianNB"),
    (warm_start, "two different models for the same rows and the same seed"),
    (partial_fits, "two different models for the same rows and the same seed"),
    (cached_model, "a copy of it that has never trained before gives another model"),
    (cached_by_labels, "a copy of it that has never trained before gives another model"),
    (scaler_of_the_first_rows, "a copy of it that has never trained before gives another model"),
    (KeepsFirstRows, "a copy of it that has never trained before gives another model"),
    (the_wrong_variable, "must depend on the noised rows.*fit on the arguments"),
    (the_wrong_rows_and_a_seed, "must depend on the noised rows"),
    (trained_before, "must depend on the noised rows.*trained before"),
    (no_look_at_the_rows, "must depend on the noised rows.*no table at all"),
]


@pytest.mark.parametrize(("make", "message"), MISTAKES, ids=[make.__name__ for make, _ in MISTAKES])
@pytest.mark.parametrize("test_noise", [True, False])
@pytest.mark.filterwarnings("ignore:the trainer cannot be copied")
def test_a_trainer_that_gives_one_model_many_times_is_refused(make, message, test_noise):
    with pytest.raises(UnsoundTrainer, match=message):
        fit(make(), test_noise=test_noise)


@pytest.mark.parametrize(("make", "message"), MISTAKES, ids=[make.__name__ for make, _ in MISTAKES])
@pytest.mark.filterwarnings("ignore:the trainer cannot be copied")
def test_it_is_refused_before_processes_are_started(make, message):
    with pytest.raises(UnsoundTrainer, match=message):
        fit(make(), n_jobs=2)


def test_the_same_models_made_anew_are_accepted():
    """The mistake of the shared model, mended: other noise gives other models, and votes that differ."""
    prototype = LogisticRegression()
    ensemble = fit(lambda X, y, seed: clone(prototype).fit(X, y), n_models=40)
    assert len({model.coef_.tobytes() for model in ensemble.models_}) == 40
    assert not hasattr(prototype, "coef_")
    assert 0 < ensemble.votes(QUERIES)[2, 0] < 40


def test_a_shared_model_would_certify_what_changes_with_the_seed():
    """On rows without any signal: honest votes certify nothing, those of one model nearly everything."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 2)), np.arange(40) % 2
    queries = 3.0 * rng.normal(size=(200, 2))

    def ensemble(seed):
        train = lambda X, y, seed: clone(LogisticRegression()).fit(X, y)  # noqa: E731
        return SmoothedEnsemble(
            train, sigma=4.0, n_models=60, test_noise=False, random_state=seed, alpha=0.001
        ).fit(X, y)

    one, two = (ensemble(seed) for seed in (0, 1))
    honest = [each.certify(queries) for each in (one, two)]
    both = ~honest[0].abstained & ~honest[1].abstained
    assert np.array_equal(honest[0].label[both], honest[1].label[both])
    assert both.mean() < 0.5
    # what the votes of one object are: all those of its last fit
    last = [each.models_[-1].predict(queries) for each in (one, two)]
    assert (last[0] != last[1]).mean() > 0.1


@pytest.mark.parametrize("decimals", [0, 1])
def test_equal_models_of_different_noise_are_accepted_where_rows_matter(decimals):
    """A coarse learner gives equal models honestly: what counts is that other rows give other ones."""

    def train(X, y, seed):
        means = {label: np.round(X[y == label].mean(axis=0), decimals) for label in np.unique(y)}
        middle = sum(means.values()) / 2
        way = means["right"] - means["left"]
        return lambda Q: np.where((Q - middle) @ way > 0, "right", "left")

    ensemble = SmoothedEnsemble(train, sigma=0.02, n_models=14, test_noise=False, random_state=0)
    assert ensemble.fit(*table()).votes(QUERIES)[:2].tolist() == [[14, 0], [0, 14]]


def test_what_a_trainer_kept_before_fit_is_not_found_if_it_never_changes():
    """A limit, stated in the documentation: a scaler of the clean rows is a constant to whoever looks."""
    scaler = StandardScaler().fit(CLEAN[0])
    ensemble = fit(lambda X, y, seed: make_pipeline(scaler, GaussianNB().fit(scaler.transform(X), y)).predict)
    assert "such as a scaler" in ensemble.certify(QUERIES).guarantee


class KeepsScalerInItsClass:
    scaler = None

    def __call__(self, X, y, seed):
        cls = type(self)
        cls.scaler = cls.scaler or StandardScaler().fit(X)
        return make_pipeline(cls.scaler, GaussianNB().fit(cls.scaler.transform(X), y))


class KeepsScalerInADictionary:
    def __call__(self, X, y, seed):
        scaler = scaler_for(X)
        return make_pipeline(scaler, GaussianNB().fit(scaler.transform(X), y))


SCALERS = {}


def scaler_for(X):
    return SCALERS.setdefault("scaler", StandardScaler().fit(X))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (KeepsScalerInItsClass, "scaler of KeepsScalerInItsClass"),
        (KeepsScalerInADictionary, "SCALERS of scaler_for"),
    ],
)
def test_what_a_class_or_the_variables_of_its_methods_keep_is_found(kind, name):
    try:
        with pytest.raises(UnsoundTrainer, match=f"the trainer changes {name} when it trains.*clone"):
            fit(kind())
    finally:
        KeepsScalerInItsClass.scaler = None
        SCALERS.clear()


def test_looking_at_a_trainer_changes_nothing_of_its_class():
    """Copies made from bytes must not overwrite methods, whose variables would then be other ones."""
    before = UsesGlobalModel.predict
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(UnsoundTrainer):
            fit(object_that_uses_a_global_model())
    assert UsesGlobalModel.predict is before
    assert UsesGlobalModel.predict.__globals__ is globals()


def test_variables_of_the_trainers_module_are_not_shared_with_its_copies(tmp_path, monkeypatch):
    (tmp_path / "module_with_a_scaler.py").write_text(
        "from sklearn.naive_bayes import GaussianNB\nfrom sklearn.pipeline import make_pipeline\nfrom "
        "sklearn.preprocessing import StandardScaler\nscaler = None\ndef train(X, y, seed):\n    global "
        "scaler\n    scaler = scaler or StandardScaler().fit(X)\n    return make_pipeline(scaler, "
        "GaussianNB().fit(scaler.transform(X), y))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import module_with_a_scaler

    with pytest.raises(UnsoundTrainer, match="never trained before"):
        fit(module_with_a_scaler.train)
    assert module_with_a_scaler.scaler is None  # it was tried on copies


def test_a_trainer_without_a_module_is_tried_too():
    """What is executed in a bare dictionary, as notebooks and tests of documents do, belongs to no module."""
    names = {"GaussianNB": GaussianNB, "StandardScaler": StandardScaler, "kept": []}
    exec(
        "def honest(X, y, seed):\n    return GaussianNB().fit(X, y)\ndef keeps(X, y, seed):\n    "
        "kept.append(GaussianNB().fit(X, y))\n    return lambda Q, model=kept[0]: model.predict(Q)\n",
        names,
    )
    assert len(fit(names["honest"]).models_) == 14
    with pytest.raises(UnsoundTrainer):
        fit(names["keeps"])


def test_a_trainer_that_cannot_be_copied_is_tried_as_far_as_it_can_be():
    lock, kept = threading.Lock(), []

    def honest(X, y, seed):
        with lock:
            return GaussianNB().fit(X, y)

    def cached(X, y, seed):
        with lock:
            kept.append(GaussianNB().fit(X, y))
            return copy.deepcopy(kept[0])

    with pytest.warns(UserWarning, match="cannot be copied.*keeps something") as told:
        assert len(fit(honest).models_) == 14
    assert told[0].filename == __file__
    with (
        pytest.warns(UserWarning, match="cannot be copied"),
        pytest.raises(UnsoundTrainer, match="changes kept of"),
    ):
        fit(cached)


# --- what happens with large tables only ---


def unseeded_when_large():
    def train(X, y, seed):
        seed = seed % 2**32 if len(X) < LARGE else None
        return DecisionTreeClassifier(max_features=1, random_state=seed).fit(X, y)

    return train


def unseeded_in_the_process():
    def train(X, y, seed):
        if len(X) >= LARGE:
            X = X + 1e-3 * np.random.normal(size=X.shape)  # noqa: NPY002
        return GaussianNB().fit(X, y)

    return train


def kept_when_large():
    kept = []

    def train(X, y, seed):
        if len(X) >= LARGE and not kept:
            kept.append(StandardScaler().fit(X))
        scaler = kept[0] if kept else StandardScaler().fit(X)
        return make_pipeline(scaler, GaussianNB().fit(scaler.transform(X), y))

    return train


def shared_when_large():
    shared = GaussianNB()

    def train(X, y, seed):
        model = (shared if len(X) >= LARGE else GaussianNB()).fit(X, y)
        return lambda Q: model.predict(Q)

    return train


def one_object_when_large():
    shared = GaussianNB()
    return lambda X, y, seed: (shared if len(X) >= LARGE else GaussianNB()).fit(X, y)


WHEN_LARGE = [
    (unseeded_when_large, "never trained before gives another model"),
    (unseeded_in_the_process, "never trained before gives another model"),
    (kept_when_large, "never trained before gives another model"),
    (shared_when_large, "the first one moved when the others were trained"),
    (one_object_when_large, "are one object"),
]


@pytest.mark.parametrize(("make", "message"), WHEN_LARGE, ids=[make.__name__ for make, _ in WHEN_LARGE])
def test_what_a_trainer_does_with_large_tables_only_is_found_before_a_certificate(make, message):
    fit(make(), n=60)  # nothing to be seen
    with pytest.raises(UnsoundTrainer, match=message):
        fit(make(), n=LARGE)


@pytest.mark.parametrize("make", [unseeded_when_large, unseeded_in_the_process])
def test_randomness_of_large_tables_is_found_in_processes(make):
    with pytest.raises(UnsoundTrainer, match="never trained before gives another model"):
        fit(make(), n=LARGE, n_jobs=2)


def test_one_model_more_than_asked_for_is_trained_on_all_rows(tmp_path):
    log = tmp_path / "log"

    def train(X, y, seed):
        with log.open("a") as file:
            file.write(f"{len(X)} ")
        return GaussianNB().fit(X, y)

    fit(train, n=LARGE)
    sizes = log.read_text().split()
    assert sizes.count("256") == 5 and sizes.count("300") == 14 + 1


# --- models ---


class Answers(GaussianNB):
    """A model that does something else when it is asked."""

    def predict(self, Q):
        return self.answer(np.asarray(Q))

    def usual(self, Q):
        return GaussianNB.predict(self, Q)


class Learns(Answers):
    def answer(self, Q):
        self.theta_ = self.theta_ + 1e-9
        return self.usual(Q)


class Counts(Answers):
    def answer(self, Q):
        self.asked = getattr(self, "asked", 0) + 1
        return self.usual(Q)


class Guesses(Answers):
    def answer(self, Q):
        return np.random.choice(self.classes_, len(Q))  # noqa: NPY002


class ScalesQueries(Answers):
    def answer(self, Q):
        return self.usual((Q - Q.mean(axis=0)) / (Q.std(axis=0) + 1e-9))


class NeedsCompany(Answers):
    def answer(self, Q):
        if len(Q) == 1:
            raise RuntimeError("expected more than 1 value per channel")
        return self.usual(Q)


class RanksQueries(Answers):
    def answer(self, Q):
        order = np.argsort(np.argsort(Q.sum(axis=1)))
        return self.classes_[(order >= len(Q) / 2).astype(int)]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Learns, "asked twice of 60 probes it was not the same model.*not the parameters"),
        (Counts, r"asked twice.*give the model a method canonical_parameters\(\)"),
        (Guesses, "asked twice of 60 probes.*answers differ"),
        (ScalesQueries, "must not depend on the other queries of the call"),
        (RanksQueries, "must not depend on the other queries of the call"),
        (NeedsCompany, "for one alone it fails.*more than 1 value"),
    ],
)
def test_a_model_that_changes_or_answers_for_its_company_is_refused(kind, message):
    with pytest.raises(UnsoundTrainer, match=message):
        fit(lambda X, y, seed: kind().fit(X, y))


@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree", "brute"])
def test_trees_that_count_how_often_they_are_asked_are_the_same_models(algorithm):
    """And so put the same noise on a query whenever it comes."""
    ensemble = fit(lambda X, y, seed: KNeighborsClassifier(algorithm=algorithm).fit(X, y))
    digests = [parameters_digest(model) for model in ensemble.models_]
    votes = ensemble.votes(QUERIES)
    assert np.array_equal(ensemble.votes(QUERIES), votes)
    assert [parameters_digest(model) for model in ensemble.models_] == digests
    assert len(set(digests)) == len(digests)


def test_a_model_may_name_what_its_parameters_are():
    class Named(Counts):
        def canonical_parameters(self):
            return {"means": self.theta_, "variances": self.var_}

    assert len(fit(lambda X, y, seed: Named().fit(X, y)).models_) == 14


def test_parameters_that_say_nothing_are_refused_where_noise_is_drawn_from_them():
    """All models would put the same noise on a query, so their votes would not be independent."""

    class Nameless(GaussianNB):
        def canonical_parameters(self):
            return {}

    with pytest.raises(UnsoundTrainer, match="must have different parameters where they give different"):
        fit(lambda X, y, seed: Nameless().fit(X, y))
    assert len(fit(lambda X, y, seed: Nameless().fit(X, y), test_noise=False).models_) == 14


def test_a_model_that_moves_after_the_fit_is_refused_when_it_votes():
    ensemble = fit(lambda X, y, seed: GaussianNB().fit(X, y))
    ensemble.certify(QUERIES)
    ensemble.models_[0].fit(*CLEAN)
    for ask in (ensemble.votes, ensemble.certify):
        with pytest.raises(UnsoundTrainer, match="moved since the ensemble was fitted"):
            ask(QUERIES)


def test_a_trainer_may_overwrite_what_it_is_given():
    def careful(X, y, seed):
        return GaussianNB().fit(X, y)

    def careless(X, y, seed):
        model = GaussianNB().fit(X, y)
        X[:], y[:] = 0.0, "left"
        return model

    assert np.array_equal(fit(careful).votes(QUERIES), fit(careless).votes(QUERIES))


def test_stacks_are_tried_as_stacks():
    class Stack:
        """Trains groups, all of them on the first table."""

        models_at_once = 4

        def __call__(self, X, y, seed):
            return GaussianNB().fit(X, y)

        def train_many(self, noised, y, seeds):
            return [GaussianNB().fit(noised[0], y) for _ in noised]

    with pytest.raises(UnsoundTrainer, match="must depend on the noised rows"):
        fit(Stack())


# --- checkpoints ---


class Kept:
    """A trainer whose models can be kept."""

    shift = 0.0

    def __call__(self, X, y, seed):
        return self._model(np.stack([X[y == c].mean(axis=0) + self.shift for c in np.unique(y)]))

    @staticmethod
    def _model(means):
        model = GaussianNB()
        model.classes_, model.theta_ = np.array(["left", "right"]), means
        model.var_, model.class_prior_ = np.ones_like(means), np.full(2, 0.5)
        model.n_features_in_ = means.shape[1]
        return model

    def settings(self):
        return {}

    def pack(self, models):
        return {"means": np.stack([model.theta_ for model in models])}

    def unpack(self, arrays):
        return [self._model(means) for means in arrays["means"]]


@pytest.mark.parametrize("change", ["exchange two files", "write other numbers", "take one from elsewhere"])
def test_models_of_a_checkpoint_that_were_changed_are_refused(tmp_path, change):
    fit(Kept(), checkpoint=tmp_path / "a")
    files = [tmp_path / "a" / f"models-{i:06d}.npz" for i in (3, 4)]
    if change == "exchange two files":
        files[0].rename(tmp_path / "x"), files[1].rename(files[0]), (tmp_path / "x").rename(files[1])
    elif change == "write other numbers":
        with np.load(files[0]) as archive:
            arrays = dict(archive)
        np.savez(files[0], **arrays | {"means": arrays["means"] + 1e-9})
    else:
        SmoothedEnsemble(Kept(), sigma=0.6, n_models=14, random_state=0).fit(
            *table(), checkpoint=tmp_path / "b"
        )
        (tmp_path / "b" / files[0].name).replace(files[0])
    with pytest.raises(ValueError, match=r"models-000003\.npz is damaged.*others than those that were saved"):
        fit(Kept(), checkpoint=tmp_path / "a")


def test_models_of_a_checkpoint_are_compared_with_what_the_trainer_gives_now(tmp_path):
    whole = fit(Kept(), checkpoint=tmp_path).votes(QUERIES)
    assert np.array_equal(fit(Kept(), checkpoint=tmp_path).votes(QUERIES), whole)
    other = Kept()
    other.shift = 0.1
    with pytest.raises(ValueError, match="not what the trainer gives here"):
        fit(other, checkpoint=tmp_path)


# --- nets ---


@pytest.fixture
def one_thread():
    """Small nets on several threads wait for each other most of the time."""
    torch = pytest.importorskip("torch", reason="nets need torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small_net(n_classes, image_shape):
    import torch

    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, n_classes))


@pytest.mark.parametrize("options", [{}, {"models_at_once": 4}])
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.usefixtures("one_thread")
def test_nets_of_the_library_are_accepted(options, n_jobs, tmp_path):
    from knn_cert.deep import TorchTrainer

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 4)), np.arange(300) % 2
    X[y == 1] += 1.0
    trainer = TorchTrainer(small_net, image_shape=(2, 2), epochs=2, learning_rate=0.1, **options)
    ensemble = SmoothedEnsemble(trainer, sigma=0.5, n_models=12, random_state=0, n_jobs=n_jobs)
    votes = ensemble.fit(X, y, checkpoint=tmp_path).votes(X[:10])
    assert np.array_equal(ensemble.fit(X, y, checkpoint=tmp_path).votes(X[:10]), votes)


@pytest.mark.parametrize(
    ("layer", "message"), [("batch norm", "asked twice|alone"), ("dropout", "asked twice")]
)
@pytest.mark.usefixtures("one_thread")
def test_a_net_that_is_left_in_training_mode_is_refused(layer, message):
    import torch

    def train(X, y, seed, *, evaluate=False):
        torch.manual_seed(seed % 2**31)
        hidden = torch.nn.Dropout(0.9) if layer == "dropout" else torch.nn.BatchNorm1d(8)
        net = torch.nn.Sequential(torch.nn.Linear(2, 8), hidden, torch.nn.Linear(8, 2))
        step = torch.optim.SGD(net.parameters(), lr=0.1)
        rows, truth = torch.tensor(X, dtype=torch.float32), torch.tensor((y == "right").astype(int))
        for _ in range(20):
            step.zero_grad()
            torch.nn.functional.cross_entropy(net(rows), truth).backward()
            step.step()
        net.train(not evaluate)

        class Model:
            def __init__(self, net):
                self.net = net

            def predict(self, Q):
                with torch.no_grad():
                    return self.net(torch.tensor(Q, dtype=torch.float32)).softmax(dim=1).numpy()

        return Model(net)

    with pytest.raises(UnsoundTrainer, match=message):
        fit(train)
    fit(lambda X, y, seed: train(X, y, seed, evaluate=True))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_net_that_continues_its_training_is_refused():
    net = MLPClassifier((3,), max_iter=20, warm_start=True, random_state=0)
    with pytest.raises(UnsoundTrainer, match="two different models"):
        fit(lambda X, y, seed: copy.deepcopy(net.fit(X, y)))
