"""Certificates: the one result object of every route, with its summary (Table 1 of RAB) and its files.

A certificate that cannot be justified is not issued: the query is marked as abstained and has radius 0.
"""

from __future__ import annotations

import csv
import json
import math
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import get_args

import numpy as np

from ._validation import as_float_array
from ._writing import beside, named_in_errors, whole_or_nothing
from .bounds.radii import gaussian_radius, uniform_radius
from .smoothing import DiscreteNoise, Noise, SmoothedKNN, VotingModels
from .threats import BlackBoxBall, asked_budget, is_open, tampered_rows
from .threats import Threat as RowsThreat
from .word_threats import WordThreat

FILE_SUFFIXES = (".csv", ".json", ".npz")

_FORMAT = "knn_cert.certificates"
_FORMAT_VERSION = 3
_PER_QUERY = (
    "query",
    "label",
    "probabilities",
    "p_lower",
    "p_upper",
    "tail_upper",
    "budget",
    "worst_probability",
    "abstained",
)
_SETTINGS = ("n_features", "n_train", "version")

Threat = RowsThreat | WordThreat

# Budgets of a summary that was not asked for others.
_BUDGETS = {"radius": (0.1, 0.5, 1.0), "rows": (1, 10, 100), "words": (1, 2, 3)}

# What a summary calls a budget, by its letter and in words.
_BUDGET_TITLES = {
    "radius": ("R", "radius R"),
    "rows": ("r", "tampered rows r"),
    "words": ("R", "edited words R"),
}

# Probabilities are sums of products of many small numbers; below this, factors may have been rounded to zero.
# An upper bound therefore never claims less, which also keeps every radius finite (at most about 37 sigma).
_SMALLEST_CLAIM = 1e-300


@dataclass(frozen=True, eq=False, repr=False)
class Certificates:
    """Predictions of a smoothed classifier and how much tampering each of them provably survives.

    The method ``certify`` of `SmoothedKNNClassifier`, `SmoothedEnsemble` and `SmoothedTextEnsemble` makes
    these; ``cert[i]``, ``cert[a:b]`` and ``cert[mask]`` are the certificates of some of the queries,
    ``len(cert)`` is their number.

    Attributes
    ----------
    query : ndarray of int, shape (n_queries,)
        Which query: its position in the call, or the row of the table it was taken from.
    label : ndarray of shape (n_queries,)
        Predicted class, in the type of the training labels.
    probabilities : ndarray of shape (n_queries, C)
        Probability of each class under the noise, as computed, not renormalised, or the share of the models'
        votes; columns as in ``classes``.
    p_lower : ndarray of shape (n_queries,)
        Lower bound on the probability of the predicted class.
    p_upper : ndarray of shape (n_queries,)
        Upper bound on the largest probability of any other class.
    tail_upper : ndarray of shape (n_queries,)
        Upper bound on the probability of all other classes together: ``1 - p_lower`` without its rounding.
    budget : ndarray of shape (n_queries,)
        How much tampering the prediction provably survives: a radius in the units of the features, or a
        number of rows or words, see ``threat``. Where the threat leaves it open, the largest that is
        certified, else the one that was asked for; 0 where the classifier abstained.
    worst_probability : ndarray of shape (n_queries,)
        Lower bound on the probability of the predicted class over everything within the budget that was asked
        for; NaN where the threat leaves it open. Above 1/2 it certifies, but there are other ways to
        (docs/threats.md).
    abstained : ndarray of bool, shape (n_queries,)
        True where nothing is certified: not even the untampered table, or not the budget asked for.
    classes : ndarray of shape (C,)
    classifier : SmoothedKNN or VotingModels
        Whose predictions these are: its settings, and how its probabilities became known.
    noise : Noise or DiscreteNoise
        What was smoothed with: ``noise.sigma`` on each feature, or the law on words, labels and rows.
    n_features : int or None
        None for texts.
    n_train : int
    threat : threat
        What the attacker may have done, one of `knn_cert.threats` or `knn_cert.word_threats`.
    version : str
        What computed this.
    """

    query: np.ndarray
    label: np.ndarray
    probabilities: np.ndarray
    p_lower: np.ndarray
    p_upper: np.ndarray
    tail_upper: np.ndarray
    budget: np.ndarray
    worst_probability: np.ndarray
    abstained: np.ndarray
    classes: np.ndarray
    classifier: SmoothedKNN | VotingModels
    noise: Noise | DiscreteNoise
    n_features: int | None
    n_train: int
    threat: Threat
    version: str

    def __post_init__(self):
        # A certificate is a statement, not a workspace: its arrays are read-only views.
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value = value.view()
                value.flags.writeable = False
                object.__setattr__(self, field.name, value)

    @classmethod
    def from_probabilities(
        cls,
        probabilities: np.ndarray,
        errors: np.ndarray,
        *,
        classes: np.ndarray,
        noise: Noise,
        distance_error: np.ndarray | float = 0.0,
        threat: BlackBoxBall | None = None,
        **settings,
    ) -> Certificates:
        """Certify the most probable class of each query, known exactly, against all tables within a ball.

        Parameters
        ----------
        probabilities, errors : ndarray of shape (n_queries, C)
            Class probabilities and a bound on how far each of them is from the truth.
        classes : ndarray of shape (C,)
            Labels of the columns, increasing.
        noise : Noise
        distance_error : ndarray of shape (n_queries,) or float
            How far the table must be moved, in L2 norm over all rows, to have exactly the distances that the
            probabilities were computed from. If that table keeps its prediction within R, the observed one
            does within R - distance_error, by the triangle inequality.
        threat : BlackBoxBall, optional
            Whether any number of rows is tampered with, Eqs. (14), (17), or at most some, Eqs. (15), (18).
            Left out, any number, in the norm that the noise certifies.
        **settings
            classifier, n_features, n_train, version.
        """
        query = np.arange(len(probabilities))
        winner = np.argmax(probabilities, axis=1)  # the first of equals: ties go to the lowest class
        probability, error = probabilities[query, winner], errors[query, winner]

        # Outward rounding throughout: one ulp for each single operation, C ulp for a sum over classes.
        others_upper = np.maximum(np.nextafter(probabilities + errors, np.inf), _SMALLEST_CLAIM)
        others_upper[query, winner] = 0.0
        n_classes = probabilities.shape[1]
        sum_upper = others_upper.sum(axis=1) * (1.0 + n_classes * np.finfo(np.float64).eps)
        winner_lower = np.clip(np.nextafter(probability - error, -np.inf), 0.0, 1.0)

        # Two bounds on each tail; the sum of the small ones keeps its accuracy where the complement has none
        # left, the complement is the better one where many classes bring their errors to the sum.
        tail_upper = np.minimum(sum_upper, np.nextafter(1.0 - winner_lower, np.inf))
        tail_upper = np.clip(tail_upper, _SMALLEST_CLAIM, 1.0)
        p_lower = np.maximum(winner_lower, np.clip(np.nextafter(1.0 - sum_upper, -np.inf), 0.0, 1.0))
        p_upper = np.minimum(others_upper.max(axis=1), tail_upper)

        return cls.from_bounds(
            classes[winner],
            p_lower,
            p_upper,
            tail_upper,
            probabilities=probabilities,
            classes=classes,
            noise=noise,
            distance_error=distance_error,
            threat=threat,
            **settings,
        )

    @classmethod
    def from_bounds(
        cls,
        label: np.ndarray,
        p_lower: np.ndarray,
        p_upper: np.ndarray,
        tail_upper: np.ndarray,
        *,
        probabilities: np.ndarray,
        classes: np.ndarray,
        noise: Noise,
        distance_error: np.ndarray | float = 0.0,
        threat: BlackBoxBall | None = None,
        **settings,
    ) -> Certificates:
        """Certify labels against all tables within a ball, from bounds on their probabilities.

        Parameters
        ----------
        label : ndarray of shape (n_queries,)
        p_lower, p_upper, tail_upper : ndarray of shape (n_queries,)
            Lower bound on the probability of the label; upper bounds on that of every other class, and of all
            others together. Where p_lower is not greater than p_upper, nothing is certified.
        probabilities : ndarray of shape (n_queries, C)
            What is known of the probabilities of the classes, for the reader.
        classes, noise, distance_error, threat, **settings
            As in `from_probabilities`.
        """
        if threat is None:
            threat = BlackBoxBall(norm="l2" if noise.kind == "gaussian" else "l1")
        threat.check_noise(noise.kind)
        # "not greater" and not "less or equal": a NaN anywhere must end here.
        abstained = ~(p_lower > p_upper)
        radius = np.zeros(len(label))
        sure = ~abstained
        if sure.any():
            radius[sure] = _ball_radius(
                p_lower[sure],
                p_upper[sure],
                tail_upper[sure],
                noise,
                threat,
                settings["n_train"],
                settings["n_features"],
            )
        # With Eq. (15) the radius is per row and only distance_error / sqrt(rows) would be due.
        radius = np.nextafter(radius - distance_error, -np.inf)
        abstained |= ~(radius > 0.0)
        radius[abstained] = 0.0

        return cls(
            query=np.arange(len(label)),
            label=label,
            probabilities=probabilities,
            p_lower=p_lower,
            p_upper=p_upper,
            tail_upper=tail_upper,
            budget=radius,
            worst_probability=np.full(len(label), np.nan),
            abstained=abstained,
            classes=classes.copy(),
            noise=noise,
            threat=threat,
            **settings,
        )

    @property
    def radius(self) -> np.ndarray:
        """The budget, where it is a radius.

        Raises
        ------
        AttributeError
            If the threat counts rows or words.
        """
        if self.threat.budget_name != "radius":
            raise AttributeError(
                f"{self.threat!r} has no radius: its budget is a number of {self.threat.budget_name}, see "
                ".budget"
            )
        return self.budget

    @property
    def guarantee(self) -> str:
        """What the certificates guarantee and what they do not, in plain words."""
        return (
            f"{self.classifier.confidence(len(self))} of {self.classifier.describe()} under "
            f"{self.noise.describe()} is the same for what is observed, possibly tampered with, and for "
            f"everything that can be made of it with {self.threat.describe()}. {self.threat.what_it_means()} "
            f"Not covered: {self.threat.not_covered()}, and whatever else was computed from tampered data, "
            f"such as a scaler, selected features or any parameter.{self.classifier.conditions()} Where the "
            "classifier abstained, nothing is guaranteed."
        )

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, index) -> Certificates:
        if isinstance(index, (int, np.integer)):
            if not -len(self) <= index < len(self):
                raise IndexError(f"query {index} is not among the {len(self)} queries of this result")
            index = [index]
        return replace(self, **{name: getattr(self, name)[index] for name in _PER_QUERY})

    def __repr__(self) -> str:
        return (
            f"<Certificates of {len(self)} queries: {len(self.classes)} classes, "
            f"{type(self.classifier).__name__}, {self.noise}, "
            f"{int(np.count_nonzero(self.abstained))} abstained>"
        )

    def certified(self, budget: float) -> np.ndarray:
        """Whether each prediction is certified for this budget, in the units of ``budget``.

        The ball of RAB is open, its radius has to be larger; all other budgets may be used up.
        """
        enough = self.budget > budget if isinstance(self.threat, BlackBoxBall) else self.budget >= budget
        return enough & ~self.abstained

    def summary(self, y_true=None, budgets: Sequence[float] | None = None) -> Summary:
        """Count what was certified, Table 1 of RAB.

        Parameters
        ----------
        y_true : array_like of shape (n_queries,), optional
            True labels; without them nothing is said about accuracy.
        budgets : sequence of float >= 0, optional
            Budgets at which certificates are counted: radii in the units of the features, or numbers of rows
            or words. Left out, the budget that was asked for, or 0.1, 0.5 and 1.0, or 1, 10 and 100 rows, or
            1, 2 and 3 words.

        Returns
        -------
        Summary
            ``print(cert.summary(y_true))`` shows it as a table.

        Raises
        ------
        ValueError
            If y_true has not one label a query, or a budget is negative or NaN, or there are no queries.
        """
        if len(self) == 0:
            raise ValueError("a summary needs at least one query, got none")
        name = self.threat.budget_name
        if budgets is None:
            budgets = _BUDGETS[name] if is_open(self.threat) else [asked_budget(self.threat, self.n_train)]
        budgets = np.atleast_1d(as_float_array(budgets, "budgets"))
        if budgets.ndim != 1 or not np.all(budgets >= 0.0):
            raise ValueError(f"budgets must be a 1-D sequence of numbers >= 0, got {budgets!r}")
        beyond = np.stack([self.certified(budget) for budget in budgets], axis=1)
        accuracy = certified_accuracy = None
        if y_true is not None:
            correct = self._equals(y_true) & ~self.abstained
            accuracy = float(np.mean(correct))
            certified_accuracy = np.mean(beyond & correct[:, None], axis=0)
        return Summary(
            n_queries=len(self),
            budget_name=name,
            budgets=budgets,
            prediction_accuracy=accuracy,
            certified_rate=np.mean(beyond, axis=0),
            certified_accuracy=certified_accuracy,
            abstained=float(np.mean(self.abstained)),
        )

    def to_frame(self):
        """Return a pandas.DataFrame with one row a query and the columns of the CSV file.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "to_frame() needs pandas, which is not installed: pip install 'knn-cert[pandas]'; "
                "save('x.csv') works without it"
            ) from error
        return pd.DataFrame({name: values.copy() for name, values in self._columns()})

    def save(self, path) -> None:
        """Write to a .csv, .json or .npz file, whole or not at all.

        CSV holds one row a query: query, label, p_lower, p_upper, radius, rows or words, worst_probability
        where a budget was asked for, abstained and ``p(<class>)`` for every class. JSON and NPZ also hold
        the settings and the guarantee in words, and `load` reads them.
        Numbers are written with all their digits.

        Raises
        ------
        ValueError
            If the name ends otherwise.
        TypeError
            If JSON or NPZ cannot hold labels of this type.
        OSError
            If the file cannot be written; a file that was there before is then untouched.
        """
        path = check_writable(path)
        writer = {".csv": self._write_csv, ".json": self._write_json, ".npz": self._write_npz}[
            path.suffix.lower()
        ]
        with whole_or_nothing(path) as temporary:
            writer(temporary)

    @classmethod
    def load(cls, path) -> Certificates:
        """Read certificates from a .json or .npz file that `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is cut off, or no such file of certificates, or a CSV file, which has no settings.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in (".json", ".npz"):
            raise ValueError(
                f"cannot load certificates from {path}: expected a .json or .npz file; a CSV file holds the "
                "columns without the settings, read it with pandas.read_csv"
            )
        try:
            return cls._read_json(path) if suffix == ".json" else cls._read_npz(path)
        except (KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{path} is no complete file of certificates ({type(error).__name__}: {error}); save it again"
            ) from error

    def _equals(self, y_true) -> np.ndarray:
        y_true = np.asarray(y_true)
        if y_true.shape != self.label.shape:
            raise ValueError(
                f"y_true must have shape {self.label.shape}, one label for each query, got {y_true.shape}"
            )
        # Text never equals a number: an accuracy of zero would hide that "1" was read for 1.
        kinds = {array.dtype.kind for array in (y_true, self.label)}
        if kinds & set("US") and kinds & set("biuf"):
            raise TypeError(
                f"y_true has dtype {y_true.dtype} and the labels of training have {self.label.dtype}, which "
                "are never equal; convert y_true to the type of the training labels"
            )
        return np.asarray(self.label == y_true, dtype=bool)

    def _columns(self) -> list[tuple[str, np.ndarray]]:
        columns = [(name, getattr(self, name)) for name in ("query", "label", "p_lower", "p_upper")]
        columns.append((self.threat.budget_name, self.budget))
        if not is_open(self.threat):
            columns.append(("worst_probability", self.worst_probability))
        columns.append(("abstained", self.abstained))
        columns += [(f"p({label})", self.probabilities[:, c]) for c, label in enumerate(self.classes)]
        return columns

    def _write_csv(self, path: Path) -> None:
        columns = self._columns()
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([name for name, _ in columns])
            # tolist() gives Python floats, which csv writes by repr: the shortest digits that read back the
            # same
            writer.writerows(zip(*(values.tolist() for _, values in columns), strict=True))

    def _head(self) -> dict:
        settings = {name: getattr(self, name) for name in _SETTINGS}
        head = {
            "format": _FORMAT,
            "format_version": _FORMAT_VERSION,
            "guarantee": self.guarantee,
            "threat": _record_of(self.threat),
            "classifier": _record_of(self.classifier),
            "noise": _fields_of(self.noise),
            "settings": settings,
            "classes": self.classes.tolist(),
            "classes_dtype": self.classes.dtype.str,
        }
        try:
            json.dumps(head["classes"], allow_nan=False)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"labels of dtype {self.classes.dtype} cannot be kept in JSON or NPZ ({error}); save as "
                ".csv, or train on labels that are numbers or strings"
            ) from None
        return head

    def _write_json(self, path: Path) -> None:
        document = self._head()
        document["queries"] = {name: _json_values(getattr(self, name).tolist()) for name in _PER_QUERY}
        with path.open("w", encoding="utf-8") as file:
            json.dump(document, file, allow_nan=False, ensure_ascii=False)
            file.write("\n")

    def _write_npz(self, path: Path) -> None:
        # Labels go in as positions in classes: object arrays would need pickle, which can run code when read.
        arrays = {name: getattr(self, name) for name in _PER_QUERY if name != "label"}
        arrays["label_position"] = np.searchsorted(self.classes, self.label)
        with path.open("wb") as file:
            np.savez(file, head=np.array(json.dumps(self._head())), **arrays)

    @classmethod
    def _read_json(cls, path: Path) -> Certificates:
        document = json.loads(path.read_text(encoding="utf-8"))
        settings = _settings_of(document)
        queries = document["queries"]
        n_classes = len(settings["classes"])
        arrays = {name: np.array(queries[name], dtype=np.float64) for name in _PER_QUERY if name != "label"}
        arrays["query"] = np.array(queries["query"], dtype=np.int64)
        if settings["threat"].budget_name != "radius":
            arrays["budget"] = arrays["budget"].astype(np.int64)
        arrays["abstained"] = arrays["abstained"].astype(bool)
        arrays["probabilities"] = arrays["probabilities"].reshape(-1, n_classes)
        arrays["label"] = np.array(queries["label"], dtype=settings["classes"].dtype)
        return cls(**arrays, **settings)._checked()

    @classmethod
    def _read_npz(cls, path: Path) -> Certificates:
        with np.load(path, allow_pickle=False) as archive:
            settings = _settings_of(json.loads(str(archive["head"])))
            arrays = {name: archive[name] for name in _PER_QUERY if name != "label"}
            arrays["label"] = settings["classes"][archive["label_position"]]
        return cls(**arrays, **settings)._checked()

    def _checked(self) -> Certificates:
        lengths = {name: len(getattr(self, name)) for name in _PER_QUERY}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"its arrays have different lengths: {lengths}")
        return self


@dataclass(frozen=True, eq=False)
class Summary:
    """Shares of the queries, Table 1 of RAB; ``str()`` of it is a table to read.

    An abstained query counts as wrong and as not certified.

    Attributes
    ----------
    n_queries : int
    budget_name : str
        "radius", "rows" or "words".
    budgets : ndarray of shape (n_budgets,)
        R in the units of the features, r rows, or R words.
    prediction_accuracy : float or None
        Share of queries predicted as ``y_true``; None without ``y_true``.
    certified_rate : ndarray of shape (n_budgets,)
        Share of queries certified for this budget (`BlackBoxBall`: with a radius above R, strictly).
    certified_accuracy : ndarray of shape (n_budgets,) or None
        Share of queries predicted as ``y_true`` and certified; None without ``y_true``.
    abstained : float
        Share of queries without a certificate.
    """

    n_queries: int
    budget_name: str
    budgets: np.ndarray
    prediction_accuracy: float | None
    certified_rate: np.ndarray
    certified_accuracy: np.ndarray | None
    abstained: float

    def __str__(self) -> str:
        lines = [_table_line("queries", [str(self.n_queries)])]
        if self.prediction_accuracy is not None:
            lines.append(_table_line("prediction accuracy", [f"{self.prediction_accuracy:.4f}"]))
        lines.append(_table_line("abstained", [f"{self.abstained:.4f}"]))
        letter, title = _BUDGET_TITLES[self.budget_name]
        lines.append(_table_line(title, [f"{budget:g}" for budget in self.budgets]))
        lines.append(
            _table_line(f"certified rate at {letter}", [f"{share:.4f}" for share in self.certified_rate])
        )
        if self.certified_accuracy is not None:
            shares = [f"{share:.4f}" for share in self.certified_accuracy]
            lines.append(_table_line(f"certified accuracy at {letter}", shares))
        return "\n".join(lines)


def check_writable(path) -> Path:
    """Return the path of a result file after making sure that it can be written; leaves nothing behind.

    Raises
    ------
    TypeError
        If path is not a path.
    ValueError
        If the name does not end in .csv, .json or .npz.
    OSError
        If the folder is missing or not writable, or something that is not a file is in the way.
    """
    # Through symbolic links: what they point to is replaced, not they.
    path = Path(os.path.realpath(os.fspath(path)))
    if path.suffix.lower() not in FILE_SUFFIXES:
        raise ValueError(
            f"cannot write {path}: its name must end in {', '.join(FILE_SUFFIXES)}, got {path.suffix!r}"
        )
    if path.exists() and not path.is_file():
        kind = "folder" if path.is_dir() else "special file"
        raise FileExistsError(
            f"cannot write {path}: a {kind} of that name is in the way; choose another name"
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {path.parent}; create it first")
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(
            f"cannot write {path}: the file is there and write-protected; choose another name"
        )
    # Permissions, quotas and read-only file systems are best asked by doing it.
    with named_in_errors(path):
        trial = beside(path)
        trial.touch()
        trial.unlink()
    return path


def _ball_radius(p_lower, p_upper, tail_upper, noise: Noise, threat: BlackBoxBall, n_train: int, dim: int):
    # More than all rows is as good as all of them, and only they can be changed.
    rows = None if threat.rows is None else tampered_rows(threat, n_train)
    if noise.kind == "uniform":
        return uniform_radius(p_lower, p_upper, noise.width, norm=threat.norm, rows=rows, dim=dim)
    return gaussian_radius(
        p_lower,
        p_upper,
        noise.sigma,
        rows=rows,
        log_p_b=_log_upper(p_upper),
        log_tail_a=_log_upper(tail_upper),
    )


def _log_upper(probability: np.ndarray) -> np.ndarray:
    return np.minimum(np.nextafter(np.log(probability), np.inf), 0.0)


def _settings_of(head: dict) -> dict:
    if head["format"] != _FORMAT or head["format_version"] != _FORMAT_VERSION:
        raise ValueError(
            f"expected format {_FORMAT} version {_FORMAT_VERSION}, got {head['format']} version "
            f"{head['format_version']}"
        )
    settings = {name: head["settings"][name] for name in _SETTINGS}
    settings["threat"] = _threat_of(head["threat"])
    settings["noise"] = (DiscreteNoise if "law" in head["noise"] else Noise)(**head["noise"])
    settings["classifier"] = _classifier_of(head["classifier"])
    settings["classes"] = np.array(head["classes"], dtype=np.dtype(head["classes_dtype"]))
    return settings


def _record_of(part: Threat | SmoothedKNN | VotingModels | None) -> dict | None:
    """A threat or a classifier as JSON holds it."""
    if part is None:
        return None
    return {"kind": type(part).__name__} | _fields_of(part)


def _fields_of(part) -> dict:
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    if "training" in values:
        values["training"] = _record_of(part.training)
    return {name: _json_value(value) for name, value in values.items()}


def _threat_of(record: dict | None) -> Threat | None:
    if record is None:
        return None
    values = dict(record)
    kind = {kind.__name__: kind for kind in get_args(Threat)}[values.pop("kind")]
    if "training" in values:
        values["training"] = _threat_of(values["training"])
    if values.get("radius") == "inf":
        values["radius"] = math.inf
    return kind(**values)


def _classifier_of(record: dict) -> SmoothedKNN | VotingModels:
    values = dict(record)
    kind = {kind.__name__: kind for kind in (SmoothedKNN, VotingModels)}[values.pop("kind")]
    if values.get("edges") is not None:
        values["edges"] = np.array(values["edges"], dtype=np.float64)
    return kind(**values)


def _json_value(value):
    """JSON has neither infinity nor NaN: "inf" and null; and no numbers of NumPy's types."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return None if math.isnan(value) else "inf"


def _json_values(values: list) -> list:
    return [_json_values(value) if isinstance(value, list) else _json_value(value) for value in values]


def _table_line(name: str, cells: list[str]) -> str:
    return f"{name:<24}" + "".join(f"{cell:>9}" for cell in cells)
