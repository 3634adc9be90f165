"""A file of certificates that is read is one that can have been issued: everything else is refused."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import tampered
from certified import ROUTES
from tampered import both, changed

from knn_cert import Certificates, LabelFlips, SmoothedKNNClassifier

BALL, FLIPS, ASKED, VOTES, PILOT, TEXTS = (
    "ball",
    "label flips",
    "label flips, asked",
    "votes",
    "sampled K-NN, pilot",
    "texts",
)


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """The JSON documents of the routes, by name, for everybody to change a copy of."""
    folder = tmp_path_factory.mktemp("whole")
    found = {}

    def of(route):
        if route not in found:
            found[route] = tampered.saved_document(ROUTES[route](), folder)
        return copy.deepcopy(found[route])

    return of


def guarantee_kept_true(document):
    """What somebody does who changes a setting and knows that the guarantee is compared."""
    document["guarantee"] = (
        document["guarantee"].replace("K = 5", "K = 61").replace("deviation 1 ", "deviation 100 ")
    )


# Kind of tampering, route, change, what the refusal says.
REFUSED = {
    # budgets
    "radius times 1000": (BALL, changed("queries", "budget", 0, lambda b: 1000 * b), "budget must be what"),
    "radius up by 1e-12": (BALL, changed("queries", "budget", 0, lambda b: b + 1e-12), "budget must be what"),
    "radius down": (BALL, changed("queries", "budget", 0, lambda b: b / 2), "budget must be what"),
    "radius of votes up": (VOTES, changed("queries", "budget", 0, lambda b: b + 1e-9), "budget must be what"),
    "radius negative": (BALL, changed("queries", "budget", 0, -1.0), "budget must be a number of at least 0"),
    "radius missing": (BALL, changed("queries", "budget", 0, None), "budget must be a number"),
    "radius infinite": (BALL, changed("queries", "budget", 0, "inf"), "budget must be what"),
    "radius a text": (BALL, changed("queries", "budget", 0, "1.5"), "budget must be a number"),
    "rows beyond n": (FLIPS, changed("queries", "budget", 0, 10**9), "budget must be at most 60"),
    "rows beyond n - K": ("deletions", changed("queries", "budget", 0, 58), "budget must be at most 57"),
    "rows not whole": (FLIPS, changed("queries", "budget", 0, 2.5), "budget must be a whole number"),
    "rows whole but real": (FLIPS, changed("queries", "budget", 0, 2.0), "budget must be a whole number"),
    "rows negative": (FLIPS, changed("queries", "budget", 0, -1), "budget must be a number of at least 0"),
    "rows infinite": (FLIPS, changed("queries", "budget", 0, "inf"), "budget must be a whole number"),
    "rows 2**70": (FLIPS, changed("queries", "budget", 0, 2**70), "whole number of at most 64 bits"),
    "rows other than asked": (ASKED, changed("queries", "budget", 0, 3), "budget must be 2, which was asked"),
    "texts beyond n": (TEXTS, changed("queries", "budget", 0, 41), "budget must be at most 40"),
    "more added rows than are ever certified": (
        "insertions",
        changed("queries", "budget", 0, 10**6),
        "budget must be at most 4160",
    ),
    # abstentions
    "abstained cleared": ("given", changed("queries", "abstained", 2, False), "abstained must be true"),
    "abstained cleared, votes": (TEXTS, changed("queries", "abstained", 2, False), "abstained must be true"),
    "abstained with a budget": (
        BALL,
        changed("queries", "abstained", 0, True),
        "where the classifier abstained",
    ),
    "abstained without need": (
        BALL,
        both(changed("queries", "abstained", 0, True), changed("queries", "budget", 0, 0.0)),
        "budget must be what",
    ),
    "certified though another class is ahead": (
        ASKED,
        both(
            changed("queries", "probabilities", 0, [0.1, 0.9, 0.0]),
            changed("queries", "errors", 0, [0.0, 0.0, 0.0]),
        ),
        "label must be the most probable",
    ),
    "abstained is a number": (BALL, changed("queries", "abstained", 0, 0), "abstained must be true or false"),
    "abstained cleared though too few rows would be left": (
        "query, too many rows",
        changed("queries", "abstained", 0, False),
        "too few rows would be left",
    ),
    # labels and classes
    "label swapped": (BALL, changed("queries", "label", 0, 9), "label must be the most probable"),
    "label of votes swapped": (VOTES, changed("queries", "label", 0, 1), "label must be the most probable"),
    "label of a pilot swapped": (PILOT, changed("queries", "label", 0, 9), "p_lower and p_upper must be"),
    "label unknown": (BALL, changed("queries", "label", 0, 7), "label must be one of the classes, got 7"),
    "label a text": (BALL, changed("queries", "label", 0, "1"), "labels of dtype <i8"),
    "label true for 1": (BALL, changed("queries", "label", 0, True), "labels of dtype <i8"),
    "class twice": (BALL, changed("classes", 2, 4), "classes must be increasing|must be one of the classes"),
    "classes reordered": (BALL, changed("classes", [4, 1, 9]), "classes must be increasing"),
    "class missing": (BALL, changed("classes", [1, 4]), "one number a class"),
    "one class": (
        "labels true and false",
        both(
            changed("classes", [False]),
            changed("queries", "probabilities", lambda p: [[1.0]] * len(p)),
            changed("queries", "errors", lambda e: [[0.0]] * len(e)),
            changed("queries", "label", lambda y: [False] * len(y)),
        ),
        "classes must be at least two",
    ),
    "class renamed to what its dtype cannot hold": (
        "labels of text",
        both(changed("classes", 0, "a long name"), changed("queries", "label", 0, "a long name")),
        "cannot hold",
    ),
    "class null": ("labels of text objects", changed("classes", 0, None), "must be of its type"),
    "dtype of classes": (BALL, changed("classes_dtype", "<f4,<i4"), "numbers or strings, got dtype"),
    # probabilities and bounds
    "p_lower raised": (BALL, changed("queries", "p_lower", 0, lambda p: p + 1e-3), "p_lower must be what"),
    "p_lower lowered": (BALL, changed("queries", "p_lower", 0, lambda p: p - 1e-3), "p_lower must be what"),
    "p_lower 2": (BALL, changed("queries", "p_lower", 0, 2), "p_lower must be what"),
    "p_upper lowered": (BALL, changed("queries", "p_upper", 0, lambda p: p / 2), "p_upper must be what"),
    "tail lowered": (BALL, changed("queries", "tail_upper", 0, lambda p: p / 2), "tail_upper must be what"),
    "p_lower of votes raised": (
        VOTES,
        changed("queries", "p_lower", 0, lambda p: p + 1e-9),
        "p_lower and p_upper must be",
    ),
    "p_upper of votes lowered": (
        VOTES,
        changed("queries", "p_upper", 4, 0.01),
        "p_lower and p_upper must be",
    ),
    "tail of votes lowered": (
        VOTES,
        changed("queries", "tail_upper", 0, 1e-9),
        "tail_upper must be 1 - p_lower",
    ),
    "errors lowered": (
        "given",
        changed("queries", "errors", 3, [0.0, 0.0, 0.0]),
        "p_lower must be what",
    ),
    "errors negative": (BALL, changed("queries", "errors", 0, 0, -1e-9), "errors must be at least 0"),
    "errors missing": (BALL, changed("queries", "errors", 0, 0, None), "errors must be at least 0"),
    "errors for votes": (VOTES, changed("queries", "errors", 0, 0, 0.0), "errors must be missing for votes"),
    "probability above 1": (
        BALL,
        changed("queries", "probabilities", 0, [1.5, 0.0, 0.0]),
        r"lie in \[0, 1\]",
    ),
    "probability negative": (
        BALL,
        changed("queries", "probabilities", 0, [1.0, 0.1, -0.1]),
        r"lie in \[0, 1\]",
    ),
    "sum too small": (BALL, changed("queries", "probabilities", 0, [0.5, 0.1, 0.1]), "must add up to 1"),
    "sum too large": (BALL, changed("queries", "probabilities", 0, [0.9, 0.9, 0.1]), "must add up to 1"),
    "sum off by 1e-9": (
        BALL,
        changed("queries", "probabilities", 0, 1, lambda p: p + 1e-9),
        "must add up to 1",
    ),
    "no share of the votes": (
        VOTES,
        changed("queries", "probabilities", 1, [0.0, 0.9004, 0.0996]),
        "must be shares of 1000 votes",
    ),
    "other shares": (VOTES, changed("queries", "probabilities", 1, [0.0, 0.95, 0.05]), "p_lower and p_upper"),
    "shares of more votes": (
        VOTES,
        changed("queries", "probabilities", 1, [0.5, 0.9, 0.1]),
        "shares of 1000",
    ),
    "worst probability raised": (
        ASKED,
        changed("queries", "worst_probability", 0, 0.999),
        "at most the probability untampered",
    ),
    "worst probability of texts raised": (
        "texts, asked",
        changed("queries", "worst_probability", 0, 0.999),
        "at most the probability untampered",
    ),
    "worst probability negative": (ASKED, changed("queries", "worst_probability", 0, -0.1), "at least 0"),
    "worst probability missing": (ASKED, changed("queries", "worst_probability", 0, None), "at least 0"),
    "worst probability not asked for": (
        FLIPS,
        changed("queries", "worst_probability", 0, 0.6),
        "must be missing",
    ),
    "abstained above one half": (
        ASKED,
        both(changed("queries", "abstained", 0, True), changed("queries", "budget", 0, 0)),
        "abstained must be false",
    ),
    "shift negative": (BALL, changed("queries", "table_shift", 0, -1.0), "table_shift must be finite"),
    "shift of votes": (VOTES, changed("queries", "table_shift", 0, 0.1), "table_shift must be 0 for votes"),
    # settings
    "sigma times 100": (BALL, changed("noise", "sigma", 100.0), "budget must be what"),
    "sigma a hundredth": (BALL, changed("noise", "sigma", 0.01), "budget must be what"),
    "sigma times 100, flips": (FLIPS, changed("noise", "sigma", 100.0), "guarantee must be the one"),
    "sigma 0": (BALL, changed("noise", "sigma", 0), "sigma must be finite and > 0"),
    "sigma infinite": (BALL, changed("noise", "sigma", "inf"), "sigma must be finite and > 0"),
    "sigma negative": (BALL, changed("noise", "sigma", -1.0), "sigma must be at least 0"),
    "kind of noise": (BALL, changed("noise", "kind", "uniform"), "certifies the total over all rows in norm"),
    "noise of another kind": (
        BALL,
        changed("noise", {"law": "x", "words": "y"}),
        "n_features must be null|noise lacks",
    ),
    "noise unknown": (BALL, changed("noise", "kind", "laplace"), "noise must be one of"),
    "law of texts": (TEXTS, changed("noise", "words", "nothing"), "guarantee must be the one"),
    "K": (BALL, changed("classifier", "n_neighbors", 7), "guarantee must be the one"),
    "K beyond n": (
        BALL,
        both(changed("classifier", "n_neighbors", 61), guarantee_kept_true),
        "n_neighbors must be at most n_train = 60, got 61",
    ),
    "K 0": (BALL, changed("classifier", "n_neighbors", 0), "n_neighbors must be at least 1"),
    "K real": (BALL, changed("classifier", "n_neighbors", 5.0), "n_neighbors must be of type"),
    "K true": (BALL, changed("classifier", "n_neighbors", True), "n_neighbors must be of type"),
    "edges not increasing": ("buckets", changed("classifier", "edges", 1, 1e-9), "edges must be strictly"),
    "edges negative": ("buckets", changed("classifier", "edges", 0, -1.0), "edges must be finite and > 0"),
    "edges fewer": ("buckets", changed("classifier", "edges", lambda e: e[1:]), "guarantee must be the one"),
    "threat exchanged": (
        BALL,
        changed("threat", {"kind": "LabelFlips", "rows": None}),
        "budget must be a whole",
    ),
    "threat of its kind": (FLIPS, changed("threat", "kind", "Replacements"), "guarantee must be the one"),
    "threat unknown": (FLIPS, changed("threat", "kind", "Threat"), "threat must be one of"),
    "threat open that was asked": (
        ASKED,
        changed("threat", "rows", None),
        "worst_probability must be missing",
    ),
    "threat asked that was open": (
        FLIPS,
        changed("threat", "rows", 3),
        "worst_probability must be at least 0",
    ),
    "more rows asked": (ASKED, changed("threat", "rows", 3), "budget must be 3, which was asked"),
    "rows of the ball": ("ball, some rows", changed("threat", "rows", 1), "budget must be what"),
    "norm of the ball": (
        BALL,
        changed("threat", "norm", "linf"),
        'or none, certifies norm="l2"',
    ),
    "relabel": ("rows moved", changed("threat", "relabel", True), "guarantee must be the one"),
    "radius of a threat negative": ("query moved, asked", changed("threat", "radius", -0.5), "at least 0"),
    "threat of texts on numbers": (
        FLIPS,
        changed("threat", {"kind": "TrainingWords", "edit": "inserted", "words": 1, "rows": None}),
        "SmoothedKNN with .* certifies nothing about",
    ),
    "n_train 0": (BALL, changed("settings", "n_train", 0), "n_train must be at least 1"),
    "n_train real": (BALL, changed("settings", "n_train", 60.0), "n_train must be a whole number"),
    "n_train 2**70": (
        BALL,
        changed("settings", "n_train", 2**70),
        "n_train must be a whole number of at most",
    ),
    "n_features missing": (
        BALL,
        changed("settings", "n_features", None),
        "n_features must be null for texts",
    ),
    "n_features of texts": (TEXTS, changed("settings", "n_features", 3), "n_features must be null for texts"),
    "alpha larger": (VOTES, changed("classifier", "alpha", 0.01), "p_lower and p_upper must be"),
    "alpha smaller": (VOTES, changed("classifier", "alpha", 0.0001), "alpha = 0.0001"),
    "alpha 0": (VOTES, changed("classifier", "alpha", 0), "alpha must lie strictly between"),
    "alpha 2": (TEXTS, changed("classifier", "alpha", 2), "alpha must lie strictly between"),
    "models": (VOTES, changed("classifier", "n_models", 10_000), "p_lower and p_upper must be"),
    "models 0": (VOTES, changed("classifier", "n_models", 0), "n_models must be at least 1"),
    "models 2**60": (VOTES, changed("classifier", "n_models", 2**60), "n_models must be at most"),
    "pilot": (VOTES, changed("classifier", "n_pilot", 100), "p_lower and p_upper must be"),
    "no pilot": (PILOT, changed("classifier", "n_pilot", 0), "p_lower and p_upper must be"),
    "simultaneous": (VOTES, changed("classifier", "simultaneous", True), "p_lower and p_upper must be"),
    "not simultaneous": (
        "votes, simultaneous",
        changed("classifier", "simultaneous", False),
        "p_lower and p_upper must be",
    ),
    "method": (VOTES, changed("classifier", "method", "hoeffding"), "p_lower and p_upper must be"),
    "method unknown": (VOTES, changed("classifier", "method", "wilson"), "method must be"),
    "classifier exchanged": (BALL, changed("classifier", "kind", "VotingModels"), "lacks .*n_models"),
    "trainer": (VOTES, changed("classifier", "trainer", "trees"), "guarantee must be the one"),
    "guarantee": (BALL, changed("guarantee", "Safe."), "guarantee must be the one"),
    "guarantee a number": (BALL, changed("guarantee", 1), "guarantee must be the one"),
    "version": (BALL, changed("settings", "version", "the newest"), "version must be one such as"),
    "version a number": (BALL, changed("settings", "version", 1), "version must be of type"),
    "backend": (BALL, changed("classifier", "backend", "quantum"), "backend must be one of native"),
    # queries
    "query twice": (BALL, changed("queries", "query", 1, 0), "query must name every query once, got 0"),
    "query negative": (BALL, changed("queries", "query", 1, -1), "query must be a number from 0 on"),
    "query real": (BALL, changed("queries", "query", 1, 1.0), "query must be a whole number"),
    "an array shorter": (BALL, changed("queries", "p_upper", lambda p: p[:-1]), "different lengths"),
    "a query doubled": (
        BALL,
        lambda d: [values.append(values[0]) for values in d["queries"].values()],
        "query must name every query once",
    ),
    "more columns": (
        BALL,
        changed("queries", "probabilities", 0, [0.5, 0.3, 0.1, 0.1]),
        "one number a class",
    ),
    # the container
    "format": (BALL, changed("format", "other"), "expected format knn_cert.certificates"),
    "version of the format": (BALL, changed("format_version", 99), "version 99"),
    "an older format, which checks less": (BALL, changed("format_version", 3), "version 3; .*certify again"),
    "version of the format true": (BALL, changed("format_version", 4.0), "version 4.0"),
    "a further key": (BALL, changed("note", "x"), "the head lacks nothing and has .*note"),
    "a further array": (
        BALL,
        changed("queries", "note", lambda _: []),
        "queries lacks nothing and has .*note",
    ),
    "a further setting": (BALL, changed("settings", "note", lambda _: 1), "settings lacks nothing and has"),
    "NaN": (BALL, changed("queries", "budget", 0, tampered.Raw("NaN")), "NaN is no number in JSON"),
    "1e999": (BALL, changed("queries", "budget", 0, tampered.Raw("1e999")), "beyond double precision"),
    "thousands of digits": (BALL, changed("queries", "budget", 0, tampered.Raw("1" * 5000)), "digits"),
    "deep": (BALL, changed("queries", "budget", tampered.Raw("[" * 100_000)), "RecursionError|Stack"),
    "deep object": (BALL, changed("queries", tampered.Raw('{"a":' * 100_000)), "RecursionError|Stack"),
    "a key twice": (
        BALL,
        changed("noise", tampered.Raw('{"kind": "gaussian", "sigma": 1.0, "sigma": 2.0}')),
        "the keys .'sigma'. occur twice",
    ),
}
# A key that is new cannot be made from the old value.
for name, kind in (("a further array", "queries"), ("a further setting", "settings")):
    REFUSED[name] = (BALL, lambda d, kind=kind: d[kind].update(note=[]), REFUSED[name][2])


@pytest.mark.parametrize("kind", REFUSED)
def test_what_nobody_can_have_issued_is_refused(kind, documents, tmp_path):
    route, change, message = REFUSED[kind]
    document = documents(route)
    change(document)
    tampered.write_json(document, tmp_path / "c.json")
    with pytest.raises(ValueError, match=message):
        Certificates.load(tmp_path / "c.json")


def test_a_second_list_of_queries_is_refused(documents, tmp_path):
    text = json.dumps(documents(BALL))
    (tmp_path / "c.json").write_text(text[:-1] + ', "queries": {}}')
    with pytest.raises(ValueError, match="the keys .'queries'. occur twice"):
        Certificates.load(tmp_path / "c.json")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"3", b'"x"', b"\xff\xfe", b"{}", b"\xef\xbb\xbf{}"]
)
def test_what_is_no_document_is_refused(content, tmp_path):
    (tmp_path / "c.json").write_bytes(content)
    with pytest.raises(ValueError, match="no complete file of certificates"):
        Certificates.load(tmp_path / "c.json")


def test_an_exact_certificate_needs_a_majority_in_the_worst_case(tmp_path):
    """Two classes, K odd: what the worst tampering leaves decides, so a cleared abstention shows."""
    X, y = np.arange(12.0)[:, None], [0] * 6 + [1] * 6
    path = tmp_path / "c.json"
    cert = SmoothedKNNClassifier(5).fit(X, y).certify([[1.0]], LabelFlips(4))
    assert cert.abstained[0] and 0.0 <= cert.worst_probability[0] < 0.5
    cert.save(path)
    document = json.loads(path.read_text("utf-8"))
    document["queries"]["abstained"], document["queries"]["budget"] = [False], [4]
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(ValueError, match="abstained must be true unless worst_probability is above 1/2"):
        Certificates.load(path)
