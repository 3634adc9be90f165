"""Certificates whose files were damaged at random: refused, or changed only where nobody can know."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
import tampered
from certified import ROUTES

from knn_cert import BlackBoxBall, Certificates
from knn_cert.smoothing import DiscreteNoise, SmoothedKNN


def _positions(cert):
    return np.searchsorted(cert.classes, cert.label)


def _nearly(one, other, atol=1e-12):
    return np.allclose(one, other, rtol=1e-14, atol=atol)


def _simultaneous(cert):
    return getattr(cert.classifier, "simultaneous", False)


def _label_may_be(old, new):
    """The same positions; but of a pilot that chose another, just as weak label nothing is in the file."""
    differ = _positions(old) != _positions(new)
    return not np.any(differ & ~(old.abstained & (getattr(old.classifier, "n_pilot", 0) > 0)))


def _same_text(one: SmoothedKNN, other: SmoothedKNN) -> bool:
    return one.describe() == other.describe() and one.confidence(7) == other.confidence(7)


def _is_ball(cert):
    return isinstance(cert.threat, BlackBoxBall)


# What a change of one field alone may be that is not found without the table, the queries or the models: the
# old certificates and the new ones are asked. No other change may go through.
CANNOT_BE_KNOWN = {
    "query": lambda old, new: True,  # which rows of the table they are
    "classes": lambda old, new: True,  # what the classes are called, in their order
    "label": _label_may_be,
    "n_train": lambda old, new: True,
    "n_features": lambda old, new: new.n_features is not None,
    "version": lambda old, new: True,
    # backend, edges between the same number of buckets, number of pilot models, digits of alpha not shown
    "classifier": lambda old, new: _same_text(old.classifier, new.classifier),
    # the name of a law, digits of sigma that the guarantee does not show
    "noise": lambda old, new: (
        isinstance(old.noise, DiscreteNoise)
        or (old.noise.kind == new.noise.kind and math.isclose(old.noise.sigma, new.noise.sigma, rel_tol=1e-5))
    ),
    # likewise; for a ball there are none
    "threat": lambda old, new: not _is_ball(old) and old.threat.describe() == new.threat.describe(),
    # as long as the bounds come out the same: the probability of a third class, errors that do not count
    "probabilities": lambda old, new: _nearly(np.sort(old.probabilities), np.sort(new.probabilities), 1e-9),
    "errors": lambda old, new: np.array_equal(np.isnan(old.errors), np.isnan(new.errors)),
    # by rounding; whatever claims no more than the votes give, where alpha may have been for more queries
    "p_lower": lambda old, new: _nearly(old.p_lower, new.p_lower) or _simultaneous(old),
    "p_upper": lambda old, new: _nearly(old.p_upper, new.p_upper) or _simultaneous(old),
    "tail_upper": lambda old, new: _nearly(old.tail_upper, new.tail_upper) or _simultaneous(old),
    # radii by rounding; numbers of rows and words and radii of moved rows need the table
    "budget": lambda old, new: not _is_ball(old) or _nearly(old.budget, new.budget),
    "worst_probability": lambda old, new: True,
    "table_shift": lambda old, new: (
        not _is_ball(old) or np.all(old.abstained | (np.abs(old.table_shift - new.table_shift) < 1e-12))
    ),
}


def differences(old: Certificates, new: Certificates) -> list[str]:
    """The names of the fields that differ."""
    found = []
    for field in dataclasses.fields(old):
        one, other = getattr(old, field.name), getattr(new, field.name)
        if field.name == "classifier":
            same = type(one) is type(other) and all(
                np.array_equal(vars(one)[name], vars(other)[name]) for name in vars(one)
            )
        elif isinstance(one, np.ndarray):
            same = np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        else:
            same = one == other
        found += [] if same else [field.name]
    return found


def load_damaged(old: Certificates, path: Path, what: str) -> bool:
    """Whether a damaged file is refused; fails if it is read and more has changed than cannot be known."""
    try:
        new = Certificates.load(path)
    except ValueError:
        return True
    assert new.probabilities.shape == old.probabilities.shape, what
    for name in differences(old, new):
        assert name in CANNOT_BE_KNOWN and CANNOT_BE_KNOWN[name](old, new), f"{name} changed: {what}"
    return False


DAMAGED = {
    name: ROUTES[name]
    for name in (
        "given",
        "ball",
        "ball, distances that err",
        "label flips",
        "label flips, asked",
        "rows moved",
        "query and rows",
        "votes",
        "votes, simultaneous",
        "votes, uniform noise, some rows",
        "sampled K-NN, pilot",
        "texts",
        "texts, both",
        "texts, synonyms asked",
        "labels of text",
        "labels true and false",
    )
}


@pytest.mark.parametrize("route", DAMAGED)
def test_a_document_with_one_value_changed_is_refused_or_changed_where_nobody_can_know(route, tmp_path):
    old, rng = DAMAGED[route](), random.Random(f"document {route}")
    whole, refused = tampered.saved_document(old, tmp_path), 0
    for _ in range(120):
        document = copy.deepcopy(whole)
        what = tampered.damage(document, rng)
        tampered.write_json(document, tmp_path / "c.json")
        refused += load_damaged(old, tmp_path / "c.json", what)
    assert refused > 60


@pytest.mark.parametrize("route", DAMAGED)
def test_an_archive_with_one_value_changed_is_refused_or_changed_where_nobody_can_know(route, tmp_path):
    old, rng = DAMAGED[route](), random.Random(f"archive {route}")
    path = tmp_path / "c.npz"
    old.save(path)
    with np.load(path) as stored:
        whole = {name: stored[name] for name in stored.files}
    whole_head = json.loads(str(whole.pop("head")))
    refused = 0
    for turn in range(120):
        head, arrays = copy.deepcopy(whole_head), dict(whole)
        what = tampered.damage_arrays(arrays, rng) if turn % 2 else tampered.damage(head, rng, raw=False)
        tampered.write_npz(head, arrays, path)
        refused += load_damaged(old, path, what)
    assert refused > 60


@pytest.mark.parametrize("suffix", ["json", "npz"])
@pytest.mark.parametrize("route", ["ball", "label flips, asked", "votes", "texts"])
def test_a_file_with_some_bytes_changed_is_refused_or_changed_where_nobody_can_know(route, suffix, tmp_path):
    old, rng = DAMAGED[route](), random.Random(f"bytes {route} {suffix}")
    path = tmp_path / f"c.{suffix}"
    old.save(path)
    whole, refused = path.read_bytes(), 0
    for _ in range(150):
        damaged = tampered.damage_bytes(whole, rng)
        path.write_bytes(damaged)
        refused += load_damaged(old, path, f"{len(whole)} bytes became {len(damaged)}")
    assert refused > 75
