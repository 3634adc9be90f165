"""What a type checker tells a user of the public names: everything, and nowhere Any."""

from __future__ import annotations

import re

import pytest

api = pytest.importorskip("mypy.api")

USER = """
import numpy as np
import knn_cert as kc

X, y, queries = np.zeros((4, 2)), [0, 1, 0, 1], np.zeros((1, 2))
classifier = kc.SmoothedKNNClassifier(n_neighbors=3, sigma=0.5)
settings = {"n_neighbors": 1, "sigma": 1.0, "dof": 2}
reveal_type(classifier.fit(X, y))
cert = classifier.certify(queries, kc.LabelFlips())
reveal_type(cert)
reveal_type(cert.guarantee)
reveal_type(cert.radius)
reveal_type(cert.budget)
reveal_type(cert.abstained)
reveal_type(cert.summary([0]))
reveal_type(cert[0])
reveal_type(kc.Certificates.load("certificates.json"))
reveal_type(classifier.predict_proba(queries))
reveal_type(classifier.certify_grid(queries, sigma=[1.0]))
reveal_type(classifier.falsify(queries, kc.LabelFlips(1)))
reveal_type(classifier.influence(queries))
reveal_type(kc.vote_probabilities([1.0, 2.0], [0, 1], n_neighbors=1, sigma=1.0, dof=2))
reveal_type(kc.vote_probabilities([1.0, 2.0], [0, 1], n_neighbors=1, sigma=1.0, dof=2, with_errors=True))
reveal_type(kc.race_probability([1.0], 1, [2.0], 1, sigma=1.0, dof=2))
reveal_type(kc.largest_budget([1.0], [0], kc.LabelFlips(), target_class=0, n_neighbors=1, sigma=1.0, dof=2))
reveal_type(
    kc.worst_case_probability(
        [1.0], [0], kc.LabelFlips(1), target_class=0, n_neighbors=1, sigma=1.0, dof=2
    )
)
reveal_type(kc.rab_edges(56, 1.0))
reveal_type(kc.gaussian_radius(0.9, 0.1, 1.0))
reveal_type(kc.uniform_radius(0.9, 0.1, 1.0))
reveal_type(kc.uniform_certified(0.9, 0.1, [0.1], 1.0))
reveal_type(kc.ncx2_cdf(1.0, 2.0, 3.0))
reveal_type(kc.ncx2_logsf(1.0, 2.0, 3.0))
reveal_type(kc.show_config("dict"))
reveal_type(kc.get_include())
reveal_type(kc.load_dataset("breast-cancer"))
reveal_type(kc.BlackBoxBall().describe())
reveal_type(kc.RowShift(0.1).is_open)
"""


def test_a_typed_user_sees_no_any(tmp_path):
    program = tmp_path / "user.py"
    program.write_text(USER, encoding="utf-8")
    config = tmp_path / "mypy.ini"
    config.write_text(
        "[mypy]\nstrict = True\nfollow_imports = silent\n"
        "[mypy-scipy.*,sklearn.*,pandas.*,joblib.*,torch.*]\nignore_missing_imports = True\n"
    )
    shown, errors, _ = api.run([str(program), "--config-file", str(config), "--cache-dir", str(tmp_path)])
    assert errors == ""
    assert "error:" not in shown, shown
    types = re.findall(r'Revealed type is "(.*)"', shown)
    assert len(types) == USER.count("reveal_type(")
    # NumPy writes the unknown shape of an array as tuple[Any, ...].
    unknown = [one for one in types if re.search(r"\bAny\b", one.replace("tuple[Any, ...]", ""))]
    assert unknown == []
