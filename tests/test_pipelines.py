"""Certificates behind a pipeline: what holds for tables that were tampered with before the first step."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
    TargetEncoder,
    scale,
)

from knn_cert import (
    BlackBoxBall,
    Certificates,
    Deletions,
    FixedScaler,
    Insertions,
    LabelFlips,
    QueryShift,
    Replacements,
    RowShift,
    SmoothedKNNClassifier,
    certified_accuracy_scorer,
    certify_sklearn,
)
from knn_cert.gate.errors import InvalidInput

pd = pytest.importorskip("pandas")


def table(n=40, d=3, seed=0, n_classes=2):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return rng.normal(size=(n, d)) + 1.2 * y[:, None], y, rng.normal(size=(7, d)) + 0.6


def people(n=30, seed=0):
    """A frame with words and numbers, its labels, and queries."""
    rng = np.random.default_rng(seed)
    age, pay = rng.integers(18, 70, n + 8), rng.lognormal(8.0, 1.0, n + 8)
    city = rng.choice(["Bern", "Oslo", "Rome"], n + 8)
    frame = pd.DataFrame({"city": city, "age": age, "pay": pay})
    labels = np.where((age > 45) ^ (city == "Rome"), "yes", "no")
    return frame[:n], labels[:n], frame[n:].reset_index(drop=True)


def of_people():
    return ColumnTransformer(
        [
            ("city", OneHotEncoder(categories=[["Bern", "Oslo", "Rome"]], handle_unknown="ignore"), ["city"]),
            ("numbers", FixedScaler({"age": 40, "pay": 7}, {"age": 12}, log={"pay": 3.0}), ["age", "pay"]),
        ]
    )


LAST = {"plain": KNeighborsClassifier(5), "smoothed": SmoothedKNNClassifier(5, 0.3, n_threads=1)}
FIXED = {
    "scaler": [FixedScaler([0.0, 1.0, 0.0], [1.0, 0.5, 2.0], log={2: 0.5})],
    "several": [PolynomialFeatures(2), Normalizer(), "passthrough"],
    "union": [FeatureUnion([("sign", Binarizer()), ("all", make_pipeline(FixedScaler(scale=3.0)))])],
    "ufunc": [FunctionTransformer(np.tanh), FunctionTransformer()],
    "function": [FunctionTransformer(lambda X: X[:, :2] * X[:, 1:])],
    "columns": [make_column_transformer((FixedScaler(scale=0.5), [0, 2]), remainder="passthrough")],
    "nothing": ["passthrough"],
}


# --------------------------------------------------------------------------------------------- one door


@pytest.mark.parametrize("last", LAST.values(), ids=LAST)
@pytest.mark.parametrize("steps", FIXED.values(), ids=FIXED)
def test_a_pipeline_is_certified_as_its_last_step_on_the_features_before_it(steps, last):
    X, y, queries = table()
    model = make_pipeline(*steps, last).fit(X, y)
    made = model[:-1].transform(queries)
    for threat in (LabelFlips(), Deletions(2), RowShift(rows=2, radius=0.1)):
        found, expected = certify_sklearn(model, queries, threat), certify_sklearn(model[-1], made, threat)
        assert found.label.tolist() == model.predict(queries).tolist()
        np.testing.assert_array_equal(found.budget, expected.budget)
        np.testing.assert_array_equal(found.abstained, expected.abstained)
        if isinstance(last, SmoothedKNNClassifier):
            np.testing.assert_array_equal(found.budget, model[-1].certify(made, threat).budget)


def test_the_threat_is_flips_where_none_is_named():
    X, y, queries = table()
    for model in (make_pipeline(FixedScaler(), LAST["smoothed"]).fit(X, y), LAST["smoothed"].fit(X, y)):
        assert certify_sklearn(model, queries).threat == LabelFlips()
    seen = []
    certify_sklearn(model, queries, n_threads=2, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (7, 7) and model.n_threads == 1


@pytest.mark.filterwarnings("error:X does not have valid feature names")
@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.parametrize("last", LAST.values(), ids=LAST)
def test_frames_of_words_and_numbers_keep_their_names(last, output):
    frame, labels, queries = people()
    columns = of_people()
    if output == "pandas":
        columns.set_params(city__sparse_output=False).set_output(transform="pandas")
    model = make_pipeline(columns, last).fit(frame, labels)
    found = certify_sklearn(model, queries)
    assert found.label.tolist() == model.predict(queries).tolist()
    assert found.classes.tolist() == ["no", "yes"] and found.n_features == 5
    assert not found.abstained.all()
    assert "columntransformer__numbers (FixedScaler)" in found.guarantee
    if output == "pandas":
        assert model[-1].feature_names_in_[-1] == "numbers__pay"
    with pytest.raises(ValueError, match="columns are missing: {'pay'}"):
        certify_sklearn(model, queries.drop(columns="pay"))
    turned = certify_sklearn(model, queries[["pay", "city", "age"]])
    np.testing.assert_array_equal(turned.budget, found.budget)


def test_texts_are_hashed_before_a_classifier():
    texts, labels = ["good film", "bad film", "good good", "bad bad plot"] * 4, np.array([1, 0, 1, 0] * 4)
    model = make_pipeline(HashingVectorizer(n_features=64), KNeighborsClassifier(5)).fit(texts, labels)
    found = certify_sklearn(model, ["a good film", "bad"], LabelFlips())
    assert found.label.tolist() == [1, 0] and (found.budget > 0).all()
    assert sp.issparse(model[:-1].transform(texts))


def test_what_a_search_has_found_is_certified():
    X, y, queries = table()
    pipe = Pipeline([("scale", FixedScaler(scale=2.0)), ("knn", KNeighborsClassifier())])
    search = GridSearchCV(pipe, {"knn__n_neighbors": [3, 9]}, cv=3).fit(X, y)
    assert certify_sklearn(search.best_estimator_, queries).label.tolist() == search.predict(queries).tolist()
    with pytest.raises(TypeError, match="got GridSearchCV; of a grid search give best_estimator_"):
        certify_sklearn(search, queries)


def test_what_ends_otherwise_is_refused():
    X, y, queries = table()

    class Derived(Pipeline):
        pass

    with pytest.raises(TypeError, match="that ends with one, got StandardScaler"):
        certify_sklearn(make_pipeline(FixedScaler(), StandardScaler()).fit(X), queries)
    with pytest.raises(TypeError, match="that ends with one, got Derived"):
        certify_sklearn(Derived([("knn", KNeighborsClassifier())]).fit(X, y), queries)
    with pytest.raises(TypeError, match="threat must be"):
        certify_sklearn(make_pipeline(FixedScaler(), KNeighborsClassifier()).fit(X, y), queries, "flips")
    with pytest.raises(Exception, match="not fitted"):
        certify_sklearn(make_pipeline(FixedScaler(), KNeighborsClassifier()), queries)


# ------------------------------------------------------------------------- soundness, against enumeration


def enumerated_flips(y, rows):
    """All labels with so many rows relabelled, also with one that the table does not have and sorts first."""
    for some in itertools.combinations(range(len(y)), rows):
        for new in itertools.product(*((-1, 1 - y[i]) for i in some)):
            flipped = y.copy()
            flipped[list(some)] = new
            yield flipped


def changed(model, X, y, queries, rows, threat):
    """Which predictions some tampering with at most so many raw rows changes: the pipeline is fitted anew."""
    before = model.predict(queries)
    change = np.zeros(len(queries), dtype=bool)
    if isinstance(threat, LabelFlips):
        tables = ((X, flipped) for flipped in enumerated_flips(y, rows))
    else:
        gone = (list(some) for some in itertools.combinations(range(len(y)), rows))
        tables = ((np.delete(X, some, axis=0), np.delete(y, some)) for some in gone)
    for rows_left, labels in tables:
        change |= clone(model).fit(rows_left, labels).predict(queries) != before
    return change


SMALL = {
    "scaler": [FixedScaler([1.0, 0.0], [0.5, 3.0], log={1: 0.25})],
    "normed": [PolynomialFeatures(2), Normalizer()],
    "columns": [ColumnTransformer([("a", FixedScaler(scale=0.1), [0])], remainder="passthrough")],
    "frozen": [FrozenEstimator(StandardScaler().fit(np.random.default_rng(5).normal(size=(9, 2))))],
}


@pytest.mark.parametrize("threat", [LabelFlips(), Deletions()], ids=repr)
@pytest.mark.parametrize("steps", SMALL.values(), ids=SMALL)
def test_no_table_tampered_with_before_fixed_steps_changes_a_certified_prediction(steps, threat):
    rng = np.random.default_rng(2)
    y = np.arange(8) % 2
    X, queries = rng.normal(size=(8, 2)) + 1.5 * y[:, None], rng.normal(size=(12, 2)) + 0.75
    model = make_pipeline(*steps, KNeighborsClassifier(5)).fit(X, y)
    found = certify_sklearn(model, queries, threat)
    assert not found.abstained.any() and found.label.tolist() == model.predict(queries).tolist()
    certified = 0
    for rows in (1, 2):
        change = changed(model, X, y, queries, rows, threat)
        assert not (change & (found.budget >= rows)).any()
        # two classes and K odd: one row more does change it, so that the budget is exact
        assert change[found.budget == rows - 1].all()
        certified += np.count_nonzero(found.budget >= rows)
    assert 0 < certified < 2 * len(queries)


def test_rows_replaced_before_fixed_steps_do_not_change_a_certified_prediction():
    frame, labels, queries = people(n=11, seed=3)
    model = make_pipeline(of_people(), KNeighborsClassifier(5)).fit(frame, labels)
    found = certify_sklearn(model, queries, Replacements())
    assert (found.budget >= 1).any()
    planted = pd.concat([queries[:4], pd.DataFrame({"city": ["Paris"], "age": [1e6], "pay": [0.0]})])
    for row, (_, new), label in itertools.product(range(11), planted.iterrows(), ("no", "yes")):
        tampered, relabelled = frame.astype({"age": float}), labels.copy()
        tampered.iloc[row], relabelled[row] = new, label
        again = clone(model).fit(tampered, relabelled).predict(queries)
        assert not ((again != found.label) & (found.budget >= 1)).any()


def with_an_outlier():
    """One row makes the second feature wide: without it a scaler fitted anew lets that feature decide."""
    jitter = 0.01 * np.arange(5)
    X = np.vstack(
        [np.column_stack([jitter, jitter]), np.column_stack([1.0 + jitter, 3.0 + jitter]), [[0.5, 1000.0]]]
    )
    return X, np.array([0] * 5 + [1] * 5 + [0]), np.array([[0.3, 3.0]])


def test_with_a_scaler_that_is_fitted_anew_the_same_enumeration_finds_a_violation():
    X, y, queries = with_an_outlier()
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(3)).fit(X, y)
    with pytest.raises(InvalidInput, match="'standardscaler'"):
        certify_sklearn(model, queries, Deletions())
    found = certify_sklearn(model, queries, Deletions(), trusted_steps=True)
    assert found.budget[0] >= 1
    assert changed(model, X, y, queries, 1, Deletions())[0]
    # the same numbers as constants: what is certified is then true
    (scaler, _) = (step for _, step in model.steps)
    fixed = make_pipeline(FixedScaler(scaler.mean_, scaler.scale_), KNeighborsClassifier(3)).fit(X, y)
    assert certify_sklearn(fixed, queries, Deletions()).budget[0] == found.budget[0]
    assert not changed(fixed, X, y, queries, 1, Deletions())[0]


def test_one_planted_row_breaks_predictions_behind_a_fitted_scaler_and_none_behind_a_fixed_one():
    """The figures of the page on choosing."""
    X, y = load_breast_cancer(return_X_y=True)
    X, queries, y, truth = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
    planted = np.where(np.arange(30) == 19, X.mean(axis=0), 1e9)
    broken = {}
    for scaler in (StandardScaler(), FixedScaler.from_table(X)):
        model = make_pipeline(scaler, KNeighborsClassifier(51)).fit(X, y)
        found = certify_sklearn(model, queries, Insertions(5), trusted_steps=True)
        before, again = model.predict(queries), clone(model).fit(np.vstack([X, planted]), np.append(y, 0))
        change = again.predict(queries) != before
        broken[type(scaler)] = np.count_nonzero(change & ~found.abstained)
        if isinstance(scaler, StandardScaler):
            assert np.mean(before == truth).round(3) == 0.947
            assert again.score(queries, truth) == pytest.approx(0.532, abs=5e-4)
    assert (len(X), len(queries), broken) == (398, 171, {StandardScaler: 68, FixedScaler: 0})


# ----------------------------------------------------------------------------------------- what is refused


class Mean(TransformerMixin, BaseEstimator):
    """A step of a user, who is not known to us."""

    def fit(self, X, y=None):
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return X - self.mean_


class DerivedScaler(FixedScaler):
    pass


LEARNS = {
    "standard": (StandardScaler(), "StandardScaler.*learns its constants.*FixedScaler"),
    "minmax": (MinMaxScaler(), "MinMaxScaler.*learns its constants.*FixedScaler"),
    "pca": (PCA(2), "PCA.*may learn from the training table"),
    "selection": (SelectKBest(k=2), "SelectKBest.*may learn"),
    "user": (Mean(), "Mean.*may learn"),
    "derived": (DerivedScaler(), "DerivedScaler.*may learn"),
    "one-hot": (OneHotEncoder(handle_unknown="ignore"), r"categories=\"auto\".*give them: categories="),
    "ordinal": (
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        r"categories=\"auto\"",
    ),
    "rare": (
        OneHotEncoder(categories=[[0, 1]] * 3, handle_unknown="ignore", min_frequency=2),
        "which categories are rare",
    ),
    "mean": (SimpleImputer(), "strategy='mean'.*fill_value"),
    "kind": (SimpleImputer(strategy="constant"), "which columns have values.*keep_empty_features=True"),
    "empty": (SimpleImputer(strategy="constant", fill_value=0.0), "which columns have values"),
    "indicator": (
        SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True, add_indicator=True),
        "leave out add_indicator",
    ),
    "selector": (
        make_column_transformer((FixedScaler(), lambda X: np.flatnonzero(X.std(axis=0) > 0.5))),
        "selects columns by what the table holds",
    ),
}


@pytest.mark.parametrize("within", [False, True], ids=["alone", "within"])
@pytest.mark.parametrize(("step", "message"), LEARNS.values(), ids=LEARNS)
def test_steps_that_learn_from_the_table_are_refused_unless_trusted(step, message, within):
    X, y, queries = table()
    outer = FeatureUnion([("in", Pipeline([("it", step)]))]) if within else step
    model = Pipeline([("first", FixedScaler()), ("step", outer), ("knn", KNeighborsClassifier(5))]).fit(X, y)
    name = "step__in__it" if within else "step"
    with pytest.raises(InvalidInput, match=f"step '{name}' .*{message}.*trusted_steps=.'{name}'"):
        certify_sklearn(model, queries)
    with pytest.raises(InvalidInput, match="'step"):
        certify_sklearn(model, queries, trusted_steps=["first"])
    expected = certify_sklearn(model[-1], model[:-1].transform(queries))
    for trusted in (True, name, [name], ("first", "step")):
        found = certify_sklearn(model, queries, trusted_steps=trusted)
        np.testing.assert_array_equal(found.budget, expected.budget)
        assert f"Taken as they are, whatever the table: {name} ({type(step).__name__})" in found.guarantee
        assert "the data that they were fitted on is not covered" in found.guarantee


def test_columns_chosen_by_their_types_are_chosen_by_the_table():
    frame, labels, queries = people()
    chosen = make_column_transformer((FixedScaler(), make_column_selector(dtype_include=np.number)))
    model = make_pipeline(chosen, KNeighborsClassifier(5)).fit(frame, labels)
    with pytest.raises(InvalidInput, match="selects columns by what the table holds, .*; give the names"):
        certify_sklearn(model, queries)


def test_an_encoder_that_looks_at_the_labels_of_others_is_never_taken():
    frame, labels, queries = people()
    model = make_pipeline(TargetEncoder(), KNeighborsClassifier(5)).fit(frame[["city"]], labels)
    for trusted in (False, True):
        with pytest.raises(
            InvalidInput, match="by the labels of the others.*use OneHotEncoder in its place$"
        ):
            certify_sklearn(model, queries[["city"]], trusted_steps=trusted)


def test_words_are_weighed_by_the_table():
    texts, labels = ["good film", "bad film", "good good", "bad bad plot"] * 4, np.array([1, 0, 1, 0] * 4)
    model = make_pipeline(TfidfVectorizer(), KNeighborsClassifier(5)).fit(texts, labels)
    with pytest.raises(InvalidInput, match="'tfidfvectorizer'"):
        certify_sklearn(model, ["a good film", "bad"])
    assert certify_sklearn(model, ["a good film", "bad"], trusted_steps=True).label.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("trusted", "error", "message"),
    [
        (["scaler"], ValueError, "names of steps of this pipeline, standardscaler, got scaler"),
        (3, TypeError, r"names of steps, such as \[\"scale\"\], or True for all, got 3"),
        ([3], TypeError, r"got \[3\]"),
    ],
)
def test_trust_is_in_steps_by_their_names(trusted, error, message):
    X, y, queries = table()
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(5)).fit(X, y)
    with pytest.raises(error, match=message):
        certify_sklearn(model, queries, trusted_steps=trusted)


def test_given_categories_and_given_numbers_are_fixed():
    X, y, queries = table()
    filled = SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True)
    X[3, 1] = np.nan
    model = make_pipeline(filled, FixedScaler(), KNeighborsClassifier(5)).fit(X, y)
    queries[2] = np.nan
    assert certify_sklearn(model, queries).label.tolist() == model.predict(queries).tolist()
    levels = pd.DataFrame({"level": ["low", "mid", "high"] * 6})
    encoder = OrdinalEncoder(categories=[["low", "mid", "high"]])
    model = make_pipeline(encoder, KNeighborsClassifier(3)).fit(levels, [0, 0, 1] * 6)
    found = certify_sklearn(model, levels[:3])
    assert found.label.tolist() == [0, 0, 1] and "Taken as they are" not in found.guarantee


def test_a_function_of_the_whole_table_is_found_out():
    X, y, queries = table()
    for last in LAST.values():
        model = make_pipeline(FunctionTransformer(scale), last).fit(X, y)
        with pytest.raises(InvalidInput, match="something else of query 0 than .*look at the whole table"):
            certify_sklearn(model, queries)
    frame, labels, asked = people()
    ranks = FunctionTransformer(lambda frame: frame[["age"]].rank())
    model = make_pipeline(ranks, KNeighborsClassifier(5)).fit(frame, labels)
    with pytest.raises(InvalidInput, match="look at the whole table"):
        certify_sklearn(model, asked)


def test_what_a_function_leaves_missing_is_named_by_the_classifier():
    X, y, queries = table()
    model = make_pipeline(FunctionTransformer(lambda X: np.where(X > 90.0, np.nan, X)), LAST["plain"]).fit(
        X, y
    )
    queries[0, 1] = 99.0
    with pytest.raises(InvalidInput, match="row 0 of column 1 is NaN"):
        certify_sklearn(model, queries)


# ------------------------------------------------------------------------------------------- the guarantee


def test_the_guarantee_names_the_steps_and_the_units_of_moves(tmp_path):
    X, y, queries = table()
    steps = [FixedScaler.from_table(X, source="last\nyear"), FunctionTransformer(lambda X: 2.0 * X)]
    model = make_pipeline(*steps, KNeighborsClassifier(5)).fit(X, y)
    for threat in (RowShift(rows=2), QueryShift(), BlackBoxBall(), LabelFlips(), Insertions(1)):
        found = certify_sklearn(model, queries, threat)
        said = found.guarantee
        assert (
            "the pipeline of fixedscaler (FixedScaler), functiontransformer (FunctionTransformer) and" in said
        )
        assert "are in the units of the features behind the steps" in said
        assert r"Taken as they are, whatever the table: fixedscaler (FixedScaler), from last year." in said
        assert "functiontransformer (FunctionTransformer) must make of each row what it makes of that" in said
        for name in ("found.json", "found.npz"):
            found.save(tmp_path / name)
            loaded = Certificates.load(tmp_path / name)
            assert loaded.guarantee == said and loaded.classifier.nearest.n_neighbors == 5
            np.testing.assert_array_equal(loaded.budget, found.budget)
    assert (
        "at most 2 training rows moved, each by at most the stated radius in L2 norm, on the features "
        in (certify_sklearn(model, queries, RowShift(rows=2)).guarantee)
    )


def test_a_classifier_without_steps_says_what_it_always_said():
    X, y, queries = table()
    knn = KNeighborsClassifier(5).fit(X, y)
    expected = certify_sklearn(knn, queries)
    for model in (Pipeline([("knn", knn)]), make_pipeline("passthrough", knn)):
        found = certify_sklearn(model.fit(X, y), queries)
        assert found.guarantee == expected.guarantee and "steps" not in found.guarantee


def test_files_are_checked_behind_steps_as_before_them(tmp_path):
    X, y, queries = table()
    path = tmp_path / "found.json"
    certify_sklearn(make_pipeline(FixedScaler(), KNeighborsClassifier(5)).fit(X, y), queries).save(path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"n_neighbors": 5', '"n_neighbors": 50'), encoding="utf-8")
    with pytest.raises(ValueError, match="n_neighbors must be at most n_train = 40, got 50"):
        Certificates.load(path)


# ------------------------------------------------------------------------------------------------ the scorer


@pytest.mark.parametrize("last", LAST.values(), ids=LAST)
def test_a_score_is_the_share_that_is_right_and_certified(last):
    X, y, queries = table()
    truth = np.arange(7) % 2
    for threat in (LabelFlips(2), Deletions(0.05), RowShift(rows=0.1, radius=0.2)):
        scorer = certified_accuracy_scorer(threat)
        for model in (clone(last).fit(X, y), make_pipeline(FixedScaler(scale=2.0), clone(last)).fit(X, y)):
            found = certify_sklearn(model, queries, threat)
            expected = np.mean((found.label == truth) & ~found.abstained)
            assert scorer(model, queries, truth) == pytest.approx(expected, abs=1e-15)
            assert pickle.loads(pickle.dumps(scorer))(model, queries, truth) == scorer(model, queries, truth)


def test_a_search_by_certified_accuracy_takes_more_neighbours():
    X, y, _ = table(n=90, seed=1)
    pipe = make_pipeline(FixedScaler(scale=2.0), KNeighborsClassifier())
    scorer = certified_accuracy_scorer(LabelFlips(0.05))
    search = GridSearchCV(
        pipe, {"kneighborsclassifier__n_neighbors": [1, 3, 25]}, scoring=scorer, cv=3, error_score="raise"
    ).fit(X, y)
    assert search.best_params_["kneighborsclassifier__n_neighbors"] == 25
    one, three, many = search.cv_results_["mean_test_score"]
    assert one == three == 0.0 < many == search.best_score_
    with_processes = cross_val_score(search.best_estimator_, X, y, scoring=scorer, cv=3, n_jobs=2)
    assert with_processes.mean() == pytest.approx(many)


def test_a_scorer_trusts_steps_that_are_named():
    X, y, queries = table()
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(9)).fit(X, y)
    with pytest.raises(InvalidInput, match="'standardscaler'"):
        certified_accuracy_scorer(LabelFlips(1))(model, X, y)
    trusting = certified_accuracy_scorer(LabelFlips(1), trusted_steps=["standardscaler"])
    assert 0.0 < trusting(model, X, y) <= 1.0


@pytest.mark.parametrize(
    ("threat", "error", "message"),
    [
        (LabelFlips(), ValueError, r"LabelFlips\(rows=None\) leaves its budget open.*give rows="),
        (RowShift(rows=2), ValueError, "give radius="),
        (BlackBoxBall(), ValueError, "ask for moved rows with a radius"),
        ("flips", TypeError, "threat must be one of"),
        (LabelFlips, TypeError, "got the class LabelFlips; call it"),
    ],
)
def test_a_scorer_needs_a_budget(threat, error, message):
    with pytest.raises(error, match=message):
        certified_accuracy_scorer(threat)
    with pytest.raises(TypeError, match="must be names of steps"):
        certified_accuracy_scorer(LabelFlips(1), trusted_steps=3)


def test_a_function_within_a_frozen_step_is_named_and_tried():
    X, y, Q = table(60)
    standardise = FunctionTransformer(lambda Z: Z - Z.mean(axis=0)).fit(X)
    model = make_pipeline(FrozenEstimator(standardise), KNeighborsClassifier(5)).fit(X, y)
    with pytest.raises(InvalidInput, match="look at the whole table"):
        certify_sklearn(model, Q)
    alone = FunctionTransformer(lambda Z: np.tanh(Z)).fit(X)
    model = make_pipeline(FrozenEstimator(alone), KNeighborsClassifier(5)).fit(X, y)
    assert "must make of each row" in certify_sklearn(model, Q).guarantee
    frozen = make_pipeline(FrozenEstimator(StandardScaler().fit(X)), KNeighborsClassifier(5)).fit(X, y)
    assert "must make of each row" not in certify_sklearn(frozen, Q).guarantee


@pytest.mark.parametrize("frozen", [False, True])
def test_a_function_that_fills_in_from_the_other_rows_is_found_without_holes_in_the_queries(frozen):
    X, y, Q = table(60)
    frame, queries = pd.DataFrame(X), pd.DataFrame(Q)
    fill = FunctionTransformer(lambda Z: Z.fillna(Z.mean())).fit(frame)
    model = make_pipeline(FrozenEstimator(fill) if frozen else fill, KNeighborsClassifier(5)).fit(frame, y)
    with pytest.raises(InvalidInput, match="look at the whole table"):
        certify_sklearn(model, queries)


def test_a_function_that_clips_at_what_the_other_rows_say_is_found():
    X, y, Q = table(60)
    clip = FunctionTransformer(lambda Z: np.clip(Z, -np.abs(Z).mean(0) * 9, np.abs(Z).mean(0) * 9))
    with pytest.raises(InvalidInput, match="look at the whole table"):
        certify_sklearn(make_pipeline(clip, KNeighborsClassifier(5)).fit(X, y), Q)


def test_functions_of_single_rows_pass_all_trials():
    X, y, Q = table(60)
    for function in (
        np.tanh,
        lambda Z: Z / np.linalg.norm(Z, axis=1, keepdims=True),
        lambda Z: Z[:, :2] ** 2,
    ):
        model = make_pipeline(FunctionTransformer(function), KNeighborsClassifier(5)).fit(X, y)
        assert len(certify_sklearn(model, Q)) == len(Q)


@pytest.mark.parametrize("kind", [KNeighborsClassifier, SmoothedKNNClassifier])
def test_a_subclass_may_do_anything_before_it_votes_and_is_refused(kind):
    class Own(kind):
        def fit(self, X, y):
            self.mean = X.mean(axis=0)
            return super().fit(X - self.mean, y)

        def predict(self, X):
            return super().predict(X - self.mean)

    X, y, Q = table(60)
    for model in (Own(n_neighbors=5).fit(X, y), make_pipeline(Normalizer(), Own(n_neighbors=5)).fit(X, y)):
        with pytest.raises(TypeError, match="knn must be"):
            certify_sklearn(model, Q)
