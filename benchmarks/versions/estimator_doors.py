"""Questions to the estimator: every method, with every threat, on seeded tables."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from answers import BACKENDS, Answers
from engine_doors import open_threats, threats
from scipy import sparse


def table(n_rows: int, n_classes: int, n_features: int = 4):
    """Rows about one centre a class, labels, and five queries."""
    rng = np.random.default_rng([n_rows, n_classes])
    y = np.arange(n_rows) % n_classes
    centres = rng.normal(scale=2.0, size=(n_classes, n_features))
    return (
        centres[y] + rng.normal(size=(n_rows, n_features)),
        y,
        centres[:1] + rng.normal(size=(5, n_features)),
    )


def _fitted(X, y, **settings):
    from knn_cert import SmoothedKNNClassifier

    return SmoothedKNNClassifier(**{"n_neighbors": 3, "sigma": 0.7, "n_threads": 1} | settings).fit(X, y)


def told(certificates) -> dict:
    """All of a record of certificates: its arrays, its summary and what it says."""
    names = "label probabilities p_lower p_upper tail_upper budget worst_probability abstained"
    arrays = {name: getattr(certificates, name) for name in names.split()}
    for name in ("errors", "table_shift"):  # younger than the others
        if getattr(certificates, name, None) is not None:
            arrays[name] = getattr(certificates, name)
    return arrays | {"summary": str(certificates.summary()), "guarantee": certificates.guarantee}


def _every_threat(answers: Answers) -> None:
    from knn_cert import BlackBoxBall

    for n_rows, n_classes in ((7, 2), (40, 2), (60, 3)):
        X, y, queries = table(n_rows, n_classes)
        backends = [b for b in BACKENDS if b != "reference" or n_rows < 10]
        what = f"n = {n_rows}, C = {n_classes}"
        asked = {f"{name}, given": threat for name, threat in threats(n_rows).items()}
        asked |= {f"{name}, open": threat for name, threat in open_threats(n_rows).items()}
        asked |= {"BlackBoxBall": BlackBoxBall(), "BlackBoxBall, 2 rows": BlackBoxBall(2)}
        few = {b: queries[:1] if b == "reference" else queries for b in BACKENDS}
        slow = ("RowShift", "QueryShift")  # searches for a radius
        for name, threat in asked.items():
            answers.ask_all(
                f"certify, {name}",
                what,
                lambda b, t=threat, X=X, y=y, q=few: told(_fitted(X, y, backend=b).certify(q[b], t)),
                [b for b in backends if b != "reference" or not name.startswith(slow) or "given" in name],
            )
        answers.ask_all(
            "predict, predict_proba",
            what,
            lambda b, X=X, y=y, q=queries: {
                "predict": _fitted(X, y, backend=b).predict(q),
                "predict_proba": _fitted(X, y, backend=b).predict_proba(q),
            },
            backends,
        )
        answers.ask_all(
            "certify_grid",
            what,
            lambda b, X=X, y=y, q=queries: _grid(_fitted(X, y, backend=b), q),
            [b for b in backends if b != "reference"],
        )
        answers.ask_all(
            "influence",
            what,
            lambda b, X=X, y=y, q=queries: _fitted(X, y, backend=b).influence(q, top=4),
            [b for b in backends if b != "reference"],
        )
        for name, threat in open_threats(n_rows).items():
            answers.ask_all(
                f"falsify, {name}",
                what,
                lambda b, t=threat, X=X, y=y, q=queries: _fitted(X, y, backend=b).falsify(q[:2], t),
                ("native",) if n_rows > 10 else ("native", "numba"),
            )


def _grid(classifier, queries) -> dict:
    from knn_cert import BlackBoxBall, LabelFlips

    found = classifier.certify_grid(
        queries, n_neighbors=[1, 2, 5], sigma=[0.5, 1.0], threats=[BlackBoxBall(), LabelFlips(1)]
    )
    return {f"{point}": told(certificates) for point, certificates in found.items()}


def _other_input(answers: Answers) -> None:
    from knn_cert import LabelFlips, rab_edges

    X, y, queries = table(60, 3)
    names = np.array(["ant", "bee", "cat"])[y]
    for question, call in {
        "sparse": lambda b: told(_fitted(sparse.csr_matrix(X), y, backend=b).certify(queries)),
        "float32": lambda b: told(_fitted(X.astype(np.float32), y, backend=b).certify(queries)),
        "texts as labels": lambda b: told(_fitted(X, names, backend=b).certify(queries, LabelFlips())),
        "edges": lambda b: told(_fitted(X, y, backend=b, edges=rab_edges(4, 0.7, 30)).certify(queries)),
        "classes": lambda b: told(_fitted(X, y, backend=b, classes=[0, 1, 2]).certify(queries, LabelFlips())),
        "more classes": lambda b: told(
            _fitted(X, y, backend=b, classes=range(5)).certify(queries, LabelFlips())
        ),
        "two threads": lambda b: told(_fitted(X, y, backend=b, n_threads=2).certify(queries)),
        "K = n": lambda b: told(_fitted(X, y, backend=b, n_neighbors=60).certify(queries)),
        "little noise": lambda b: told(_fitted(X, y, backend=b, sigma=1e-4).certify(queries)),
        "much noise": lambda b: told(_fitted(X, y, backend=b, sigma=1e3).certify(queries)),
        "K of 0": lambda b: told(_fitted(X, y, backend=b, n_neighbors=0).certify(queries)),
        "sigma of NaN": lambda b: told(_fitted(X, y, backend=b, sigma=np.nan).certify(queries)),
        "NaN in a query": lambda b: told(_fitted(X, y, backend=b).certify(queries * np.nan)),
        "too many features": lambda b: told(_fitted(X, y, backend=b).certify(np.zeros((1, 9)))),
    }.items():
        answers.ask_all("certify, other input", question, call, ("native", "numba"))


def _breast_cancer(answers: Answers) -> None:
    from knn_cert import load_dataset

    data = load_dataset("breast-cancer")
    answers.ask(
        "load_dataset", "breast-cancer", lambda: {"X": data.X_train, "y": data.y_train, "test": data.X_test}
    )
    asked = {"BlackBoxBall": None} | open_threats(len(data.X_train)) | {"RowShift, a tenth": _tenth()}
    for name, threat in asked.items():
        answers.ask_all(
            "certify, breast cancer",
            name,
            lambda b, t=threat: told(
                _fitted(data.X_train, data.y_train, backend=b, n_neighbors=5, sigma=1.0).certify(
                    data.X_test[:25], *([] if t is None else [t])
                )
            ),
            ("native",) if name != "BlackBoxBall" else ("native", "numba"),
        )


def _tenth():
    from knn_cert import RowShift

    return RowShift(0.1)


def _files(answers: Answers) -> None:
    """Certificates come back from their files as they were."""
    from knn_cert import Certificates, LabelFlips

    X, y, queries = table(60, 3)
    certificates = _fitted(X, y).certify(queries, LabelFlips())

    def read_again(suffix: str):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"certificates.{suffix}"
            certificates.save(path)
            return path.read_text() if suffix == "csv" else told(Certificates.load(path))

    for suffix in ("csv", "json", "npz"):
        answers.ask("Certificates.save, load", suffix, lambda s=suffix: read_again(s))


PARTS = (_every_threat, _other_input, _breast_cancer, _files)
