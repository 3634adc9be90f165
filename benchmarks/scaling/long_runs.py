"""Long runs on one machine: killed and gone on with, many queries, a table that lies on disk.

Run ``python -m benchmarks.scaling.long_runs [--save]`` in a source checkout; see benchmarks/README.md. The
full study writes 2.4 GB of tables to a temporary folder (--folder names another place) and takes an hour.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from knn_cert import Certificates, LabelFlips, SmoothedKNNClassifier

from ..common.command import parse, report_on, study_parser
from ..common.report import SEED, Report, duration, require
from .tables import write_table

_ROOT = Path(__file__).resolve().parents[2]


class _Sizes(NamedTuple):
    """How large the tables are."""

    kills: int
    kill_rows: int
    kill_queries: int
    rows_in_memory: int
    queries: tuple[int, ...]
    rows_on_disk: int
    memory_on_disk: str


_FULL = _Sizes(10, 20_000, 2_000, 100_000, (10_000, 100_000, 1_000_000), 10_000_000, "1500MB")
_QUICK = _Sizes(1, 2_000, 100, 2_000, (200, 400), 30_000, "2GB")


class Ended(NamedTuple):
    """How a process ended: its exit code, seconds, and the most memory that it used, in MB."""

    code: int
    seconds: float
    megabytes: float


def main(argv: list[str] | None = None) -> int:
    """Run the study; return 1 if a result is wrong."""
    parser = study_parser("scaling.long_runs", __doc__)
    parser.add_argument("--folder", help="where tables are written (default: a temporary folder)")
    options = parse(parser, argv)
    return report_on(lambda report: _run(report, options), options, "long_runs")


def _run(report: Report, options: argparse.Namespace) -> None:
    sizes = _QUICK if options.quick else _FULL
    report.opening("Long runs on one machine", SEED)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        _kills(report, folder, sizes)
        _many_queries(report, folder, sizes)
        _table_on_disk(report, folder, sizes)


def _kills(report: Report, folder: Path, sizes: _Sizes) -> None:
    rng = np.random.default_rng(SEED)
    write_table(folder / "train.csv", sizes.kill_rows, 20, seed=1)
    write_table(folder / "test.csv", sizes.kill_queries, 20, seed=2)
    rows = []
    for sigma, memory in (("0.5", "2GB"), ("0.5", _least_memory(folder)), ("0", "2GB")):
        words = ["--sigma", sigma, "--threat", "label-flips", "--memory", memory]
        whole = _certify(folder, "train.csv", "test.csv", "whole.csv", *words)
        require(whole.code == 0, "a run ends well")
        expected, stops = (folder / "whole.csv").read_bytes(), 0
        for _ in range(sizes.kills):
            _certify(
                folder, "train.csv", "test.csv", "out.csv", *words, kill_after=rng.uniform(0, whole.seconds)
            )
            ended = (folder / "out.csv").exists()
            stops += not ended
            again = _certify(folder, "train.csv", "test.csv", "out.csv", *words, "--resume")
            require(again.code == 0 or ended, "a run is gone on with")
            require((folder / "out.csv").read_bytes() == expected, "the result is the same, byte by byte")
            (folder / "out.csv").unlink()
        rows.append([sigma, memory, duration(whole.seconds), str(sizes.kills), str(stops), "all"])
    report.heading("Killed, and gone on with")
    report.text(
        f"{sizes.kill_rows} rows and {sizes.kill_queries} queries of 20 features, CSV. SIGKILL at moments "
        "drawn evenly over the time of a whole run, then the same command with --resume: *same* files, byte "
        "by byte."
    )
    report.table(("sigma", "--memory", "a whole run", "kills", "before the end", "same"), rows)


def _many_queries(report: Report, folder: Path, sizes: _Sizes) -> None:
    n, d = sizes.rows_in_memory, 8
    write_table(folder / "train.parquet", n, d, seed=3)
    rows = []
    for m in sizes.queries:
        write_table(folder / "test.parquet", m, d, seed=4)
        words = ["--sigma", "0", "--threat", "label-flips", "--memory", "700MB"]
        ended = _certify(folder, "train.parquet", "test.parquet", "many.npz", *words)
        require(ended.code == 0, "a run ends well")
        found = Certificates.load(folder / "many.npz")
        _require_sample(folder, found, d, n, m, sigma=0.0)
        pace = m / ended.seconds
        rows.append(
            [f"{m:.0e}", duration(ended.seconds), f"{pace:.0f}", f"{pace * n:.2g}", f"{ended.megabytes:.0f}"]
        )
    report.heading("Many queries")
    report.text(
        f"{n} training rows of {d} features in memory, K = 5, no noise, flipped labels, --memory 700MB, "
        "Parquet in, NPZ out. Twenty certificates of each are those of the classifier in Python."
    )
    report.table(("queries", "seconds", "queries a second", "rows x queries a second", "peak MB"), rows)


def _table_on_disk(report: Report, folder: Path, sizes: _Sizes) -> None:
    n, d, m = sizes.rows_on_disk, 56, min(1000, sizes.rows_on_disk // 100)
    write_table(folder / "train.parquet", n, d, seed=5)
    write_table(folder / "test.parquet", m, d, seed=6)
    rows = []
    for sigma in ("0", "1"):
        words = ["--sigma", sigma, "--threat", "label-flips", "--memory", sizes.memory_on_disk]
        ended = _certify(folder, "train.parquet", "test.parquet", "disk.json", *words)
        require(ended.code == 0, "a run ends well")
        require(len(Certificates.load(folder / "disk.json")) == m, "every query has a certificate")
        pace = n * m / ended.seconds
        rows.append([sigma, duration(ended.seconds), f"{pace:.2g}", f"{ended.megabytes:.0f}"])
    size = (folder / "train.parquet").stat().st_size
    report.heading("A table on disk")
    report.text(
        f"{n:.0e} rows of {d} features (float32, {size / 1e9:.1f} GB of Parquet), {m} queries, K = 5, "
        f"flipped labels, --memory {sizes.memory_on_disk}."
    )
    report.table(("sigma", "seconds", "rows x queries a second", "peak MB"), rows)


def _least_memory(folder: Path) -> str:
    """Return so little memory that the training table is read in parts, in megabytes."""
    said = _certify(folder, "train.csv", "test.csv", "none.csv", "--memory", "1MB", capture=True)
    least = int(said.split("expected at least ")[1].split("MB")[0])
    return f"{least + 4}MB"


def _require_sample(folder: Path, found: Certificates, d: int, n: int, m: int, *, sigma: float) -> None:
    import pandas as pd

    train, test = (pd.read_parquet(folder / name) for name in ("train.parquet", "test.parquet"))
    classifier = SmoothedKNNClassifier(5, sigma).fit(train.iloc[:, :d].to_numpy(), train["kind"].to_numpy())
    chosen = np.random.default_rng(SEED).choice(m, 20, replace=False)
    expected = classifier.certify(test.iloc[chosen, :d].to_numpy(), LabelFlips())
    require(np.array_equal(expected.budget, found.budget[chosen]), "certificates are those of the classifier")
    require(np.array_equal(found.query, np.arange(m)), "no query is missing")


def _certify(
    folder: Path, train: str, test: str, out: str, *words: str, kill_after: float | None = None, capture=False
):
    command = [
        sys.executable,
        "-m",
        "knn_cert",
        "certify",
        train,
        test,
        "--label",
        "kind",
        "--out",
        out,
        *words,
    ]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}
    if capture:
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        ).stderr
    began = time.perf_counter()
    process = subprocess.Popen([*command, "--quiet"], cwd=folder, env=environment)
    if kill_after is not None:
        try:
            process.wait(timeout=kill_after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    _, status, usage = (
        os.wait4(process.pid, 0) if process.returncode is None else (0, process.returncode, None)
    )
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss / 1000 if usage is not None else 0.0
    return Ended(process.returncode, time.perf_counter() - began, peak)


if __name__ == "__main__":
    sys.exit(main())
