"""What reading a file of certificates leaves to whoever has the table, and what rounding may differ by."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import tampered
from certified import ROUTES, exact
from tampered import changed

from knn_cert import Certificates, Insertions

BALL, FLIPS, MOVED, VOTES, TEXTS = "ball", "label flips", "rows moved", "votes", "texts"


@pytest.mark.parametrize(
    ("route", "change"),
    [
        (FLIPS, changed("queries", "budget", 0, 59)),
        (TEXTS, changed("queries", "budget", 0, 40)),
        (MOVED, changed("queries", "budget", 0, 1e9)),
        (BALL, lambda d: [values.pop() for values in d["queries"].values()]),
        (BALL, lambda d: [values.reverse() for values in d["queries"].values()]),
        (BALL, changed("settings", "n_train", 10**6)),
        (BALL, changed("queries", "query", 0, 1000)),
    ],
)
def test_what_needs_the_table_is_not_found_by_reading_alone(route, change, tmp_path):
    """No promise, but known: a file without a signature can be changed by whoever recomputes all of it."""
    document = tampered.saved_document(ROUTES[route](), tmp_path)
    change(document)
    tampered.write_json(document, tmp_path / "c.json")
    Certificates.load(tmp_path / "c.json")


def test_rounding_of_another_machine_is_accepted_and_no_more(tmp_path):
    for route, name in ((BALL, "budget"), (VOTES, "budget"), (VOTES, "p_lower"), (VOTES, "p_upper")):
        for change, accepted in ((1e-15, True), (1e-11, False)):
            for sign in (1, -1):
                document = tampered.saved_document(ROUTES[route](), tmp_path)
                document["queries"][name][1] += sign * change
                tail = 1.0 - document["queries"]["p_lower"][1]
                if name == "p_lower":
                    document["queries"]["tail_upper"][1] = math.nextafter(tail, 2.0)
                tampered.write_json(document, tmp_path / "c.json")
                if accepted:
                    Certificates.load(tmp_path / "c.json")
                else:
                    with pytest.raises(ValueError, match="nobody can have issued"):
                        Certificates.load(tmp_path / "c.json")


def test_insertions_may_exceed_the_table(tmp_path):
    cert = dataclasses.replace(exact(Insertions()), budget=np.full(8, 500))
    cert.save(tmp_path / "c.json")
    assert Certificates.load(tmp_path / "c.json").budget.tolist() == [500] * 8
