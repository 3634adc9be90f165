"""What only the compiled kernel has: instruction sets, threads, signals, headers, a build that may fail."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import naive
import numpy as np
import pytest

import knn_cert

core = pytest.importorskip("knn_cert._core", reason="the compiled kernel is not installed")

SOURCE = Path(__file__).resolve().parents[1]


def table(n=400, d=20, m=6, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    rows, queries = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    labels = rng.integers(0, n_classes, size=n)
    return queries, rows, labels


def votes(n_classes=2, n_threads=1, n_neighbors=5, **kwargs):
    queries, rows, labels = table(n_classes=n_classes)
    distances = core.distances(queries, rows, n_threads=n_threads)
    arguments = {
        "n_classes": n_classes,
        "n_neighbors": n_neighbors,
        "sigma": 1.0,
        "dof": 20.0,
        "n_threads": n_threads,
    }
    if "edges" in kwargs:
        return core.vote_bucketed(distances, labels, edges=kwargs["edges"], **arguments)
    return core.vote(distances, labels, **arguments)


@pytest.fixture
def any_level():
    yield core.force_simd_level
    core.force_simd_level("")


@pytest.mark.parametrize("level", core.simd_levels())
@pytest.mark.parametrize("n_classes", [2, 4])
def test_every_instruction_set_gives_the_same_probabilities(any_level, level, n_classes):
    edges = knn_cert.rab_edges(20, 1.0, levels=40)
    any_level("baseline")
    wanted, wanted_bucketed = votes(n_classes)[0], votes(n_classes, edges=edges)[0]
    any_level(level)
    assert core.simd_level() == level
    np.testing.assert_allclose(votes(n_classes)[0], wanted, rtol=1e-12)
    np.testing.assert_allclose(votes(n_classes, edges=edges)[0], wanted_bucketed, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("level", core.simd_levels())
def test_distances_have_their_error_bound_in_every_instruction_set(any_level, level):
    any_level(level)
    rng = np.random.default_rng(1)
    for d in (1, 7, 8, 9, 63):
        rows, queries = 1e6 + rng.normal(size=(11, d)), 1e6 + rng.normal(size=(9, d))
        exact = np.sqrt(((queries[:, None, :].astype(np.longdouble) - rows) ** 2).sum(axis=2))
        got = core.distances(queries, rows, n_threads=1)
        assert np.all(np.abs(got - exact) <= (d / 2 + 2) * 2.0**-53 * exact)


def test_an_unknown_instruction_set_is_refused_with_the_known_ones(any_level):
    with pytest.raises(ValueError, match="baseline"):
        any_level("mmx")


def test_answers_do_not_depend_on_threads_or_on_how_queries_are_grouped():
    edges = knn_cert.rab_edges(20, 1.0, levels=30)
    for kwargs in ({}, {"edges": edges}, {"n_classes": 3}):
        one, two = votes(**kwargs), votes(n_threads=3, **kwargs)
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])
    queries, rows, labels = table(m=7)
    whole = core.distances(queries, rows, n_threads=2)
    single = np.vstack([core.distances(queries[i : i + 1].copy(), rows, n_threads=1) for i in range(7)])
    np.testing.assert_array_equal(whole, single)


def test_an_error_in_a_worker_thread_reaches_the_caller():
    distances = np.full((64, 10), 1e15)
    labels = np.arange(10) % 2
    with pytest.raises(RuntimeError, match="sigma is too small"):
        core.vote(distances, labels, n_classes=2, n_neighbors=3, sigma=1.0, dof=5.0, n_threads=2)


def test_other_python_threads_run_while_the_kernel_works():
    rng = np.random.default_rng(0)
    distances = np.sqrt(rng.chisquare(30, size=(300, 3000)))
    labels = rng.integers(0, 2, size=3000)
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(None)
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    time.sleep(0.02)
    before = len(ticks)
    core.vote(distances, labels, n_classes=2, n_neighbors=5, sigma=1.0, dof=30.0, n_threads=1)
    after = len(ticks)
    done.set()
    thread.join()
    assert after - before > 5  # with the GIL held there would be none


# Each lasts for minutes.
LONG_CALLS = {
    "many queries": """
        s = np.sqrt(rng.chisquare(300, size=(4000, 4000)))
        call = lambda n_threads: core.vote(
            s, np.arange(4000) % 2, n_classes=2, n_neighbors=51, sigma=1.0, dof=300.0, n_threads=n_threads)
    """,
    "one query": """
        s = np.sqrt(rng.chisquare(300, size=(2, 100_000)))
        call = lambda n_threads: core.vote(s, np.arange(100_000) % 2, n_classes=2, n_neighbors=1001,
            sigma=1.0, dof=300.0, recurrence=True, n_threads=n_threads)
    """,
    "one race": """
        a, b = np.sqrt(rng.chisquare(300, size=(2, 1_000_000)))
        call = lambda n_threads: core.race(a, 201, b, 201, sigma=1.0, dof=300.0, recurrence=True)
    """,
    "one bucketed query": """
        s = np.sqrt(rng.chisquare(300, size=(1, 100_000)))
        call = lambda n_threads: core.vote_bucketed(s, np.arange(100_000) % 2, n_classes=2, n_neighbors=101,
            sigma=1.0, dof=300.0, edges=np.linspace(400.0, 800.0, 500), n_threads=n_threads)
    """,
}


def start_program(text, folder):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(text)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,  # not the checkout, whose package would come before an installed one
        env={**os.environ, "PYTHONPATH": str(Path(knn_cert.__file__).resolve().parents[1])},
    )


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("what", LONG_CALLS)
def test_ctrl_c_stops_a_long_call(what, n_threads, tmp_path):
    program = f"""
import numpy as np
import knn_cert._core as core
rng = np.random.default_rng(0)
{textwrap.dedent(LONG_CALLS[what])}
print("started", flush=True)
call({n_threads})
print("finished", flush=True)
"""
    process = start_program(program, tmp_path)
    assert process.stdout.readline() == "started\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    rest, error = process.communicate(timeout=60)
    assert "finished" not in rest
    assert "KeyboardInterrupt" in error


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX threads")
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("seconds", [0.3, 1.0])
def test_a_daemon_thread_in_the_kernel_does_not_abort_the_end_of_the_process(n_threads, seconds, tmp_path):
    program = f"""
        import threading, time
        import numpy as np
        import knn_cert._core as core
        rng = np.random.default_rng(0)
        s, labels = np.sqrt(rng.chisquare(300, size=(4000, 2000))), np.arange(2000) % 2
        def work(rows):
            while True:  # long calls, and short ones that end while the interpreter does
                core.vote(s[:rows], labels, n_classes=2, n_neighbors=31, sigma=1.0, dof=300.0,
                          n_threads={n_threads})
        for rows in (4000, 4000, 1, 2):
            threading.Thread(target=work, args=(rows,), daemon=True).start()
        time.sleep({seconds})
        print("finished", flush=True)
        """
    process = start_program(program, tmp_path)
    rest, error = process.communicate(timeout=120)
    assert (rest, error, process.returncode) == ("finished\n", "", 0)


def compiler_named(name):
    """Where the compiler is; without it the test is skipped, but not where everything is to be tested."""
    compiler = shutil.which(name)
    if compiler is None:
        assert not os.environ.get("CI"), f"{name} must be there where CI is set"
        pytest.skip(f"{name} is not installed")
    return compiler


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX compilers")
@pytest.mark.parametrize("name", ["g++", "clang++"])
def test_the_headers_work_without_python(name, tmp_path):
    compiler = compiler_named(name)
    program = tmp_path / "verify.cpp"
    program.write_text(
        textwrap.dedent(
            """
            #define KNN_CERT_HEADER_ONLY
            #include <knn_cert/distance.hpp>
            #include <knn_cert/leaf_loops.hpp>
            #include <knn_cert/queries.hpp>
            #include <cstdio>
            #include <type_traits>
            using namespace knn_cert;
            template <class... T> constexpr bool by_name = !(std::is_aggregate_v<T> || ...);
            static_assert(by_name<VoteRequest, ScanRequest, RaceRequest, FamilyRequest>);
            int main() {
                const double distances[6] = {0.5, 1.0, 1.5, 2.0, 2.5, 3.0};
                const std::int64_t labels[6] = {0, 1, 0, 1, 1, 0};
                knn_cert::VoteRequest request;
                request.distances = distances;
                request.n_queries = 1;
                request.n_rows = 6;
                request.labels = labels;
                request.n_classes = 2;
                request.n_neighbors = 3;
                request.sigma = 1.0;
                request.dof = 4.0;
                double probability[2], error[2];
                knn_cert::vote(request, probability, error);
                std::printf("%.17g %.17g", probability[0], probability[1]);
            }
            """
        )
    )
    binary = tmp_path / "verify"
    subprocess.run(
        [
            compiler,
            "-std=c++17",
            # the optimiser takes most of the time, and some warnings need what it finds out
            "-O1" if os.environ.get("KNN_CERT_WERROR") else "-O0",
            "-Wall",
            "-Wextra",
            *(["-Werror"] if os.environ.get("KNN_CERT_WERROR") else []),
            "-pthread",
            f"-I{knn_cert.get_include()}",
            str(program),
            "-o",
            str(binary),
        ],
        check=True,
        capture_output=True,
    )
    got = [float(word) for word in subprocess.run([binary], check=True, capture_output=True).stdout.split()]
    wanted = knn_cert.vote_probabilities(
        [0.25, 1.0, 2.25, 4.0, 6.25, 9.0],
        [0, 1, 0, 1, 1, 0],
        n_neighbors=3,
        sigma=1.0,
        dof=4,
        backend="native",
    )
    np.testing.assert_allclose(got, wanted, rtol=1e-13)


# (dof, s, t): both tails, the middle, the least and the largest distances, nodes that lie in several tiles.
ROWS_FAR_OUT = [
    *[(1.0, s, t) for s, t in ((28.1, 28.5), (28.5, 66.0), (48.0, 14.1), (60.0, 60.0), (40.0, 31.4))],
    *[(2.7, s, t) for s, t in ((29.0, 29.5), (29.0, 64.0), (48.0, 14.5), (70.0, 100.0), (300.0, 303.0))],
    *[(57.0, s, t) for s, t in ((27.5, 29.0), (72.0, 71.0), (71.0, 106.0), (106.0, 71.0), (300.0, 288.0))],
    *[(784.0, s, t) for s, t in ((1.0, 28.0), (10.0, 36.0), (12.0, 18.0), (155.0, 157.0), (150.0, 190.0))],
    *[(30000.0, s, t) for s, t in ((0.5, 173.0), (20.0, 152.0), (40.0, 200.0), (200.0, 262.5))],
]


def test_the_law_of_rows_far_out_is_that_of_high_precision(tmp_path):
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    program = tmp_path / "laws.cpp"
    program.write_text(
        textwrap.dedent(
            """
            #define KNN_CERT_HEADER_ONLY
            #include <knn_cert/leaf_loops.hpp>
            #include <knn_cert/law_block.hpp>
            #include <cstdio>
            int main() {
                double dof, s, first;
                while (std::scanf("%lf %lf %lf", &dof, &s, &first) == 3) {
                    knn_cert::TilePlace place;
                    std::printf("%d", knn_cert::LawTiles(dof).place(s, place));
                    double t[8], F[8], U[8], f[8];
                    for (int lane = 0; lane < 8; ++lane) t[lane] = first + 0.25 * lane;
                    knn_cert::NodeLaw law;
                    law.set_nodes(dof, t, knn_cert::leaf_loops());
                    law.evaluate(s, F, U, f);
                    for (int i = 0; i < 8; ++i) std::printf(" %.17g %.17g %.17g", F[i], U[i], f[i]);
                    std::printf("\\n");
                }
            }
            """
        )
    )
    binary = tmp_path / "laws"
    flags = ["-std=c++17", "-O0", "-pthread", f"-I{knn_cert.get_include()}"]
    subprocess.run([compiler, *flags, str(program), "-o", str(binary)], check=True, capture_output=True)
    points = "".join(f"{dof!r} {s!r} {t!r}\n" for dof, s, t in ROWS_FAR_OUT)
    answers = subprocess.run([binary], input=points, check=True, capture_output=True, text=True).stdout
    for (dof, s, first), answer in zip(ROWS_FAR_OUT, answers.splitlines(), strict=True):
        tiled, *laws = map(float, answer.split())
        assert tiled == 1.0, (dof, s)
        for lane in (0, 7):
            F, U, f = laws[3 * lane : 3 * lane + 3]
            t = first + 0.25 * lane
            cdf, sf, pdf = naive.ncx2(t * t, dof, s * s)
            # as law_error says; the other tail is the complement of the smaller
            smaller = (F, cdf) if cdf < sf else (U, sf)
            limit = 5e-13 if abs(t - (s * s + dof) ** 0.5) < 15.0 else 2e-12
            for value, truth in (smaller, (f, 2 * t * pdf)):
                # the last numbers before 0 have few digits
                assert abs(value - truth) <= limit * truth + 4e-323, (dof, s, t)
            assert F + U == 1.0


def _build(tmp_path, **environment):
    if not (SOURCE / "setup.py").exists():
        pytest.skip("not a source checkout")
    pytest.importorskip("pybind11", reason="the build needs pybind11")
    pytest.importorskip("setuptools", reason="the build needs setuptools")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(SOURCE / name, tmp_path / name)
    for name in ("csrc", "knn_cert"):
        shutil.copytree(SOURCE / name, tmp_path / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    return subprocess.run(
        [sys.executable, "setup.py", "build"],
        cwd=tmp_path,
        env={
            **os.environ,
            "CC": "/bin/false",
            "CXX": "/bin/false",
            "KNN_CERT_REQUIRE_NATIVE": "",
            **environment,
        },
        capture_output=True,
        text=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX compilers")
def test_a_build_without_a_compiler_installs_the_rest(tmp_path):
    result = _build(tmp_path)
    assert result.returncode == 0, result.stderr
    assert "numba backend will be used" in " ".join(result.stderr.split())
    assert list(tmp_path.glob("build/**/knn_cert/exact/estimator.py"))
    assert list(tmp_path.glob("build/**/knn_cert/include/knn_cert/ncx2.hpp"))
    assert not [path for path in tmp_path.glob("build/**/_core*") if path.suffix != ".pyi"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX compilers")
def test_a_build_that_requires_the_compiled_kernel_fails_without_a_compiler(tmp_path):
    assert _build(tmp_path, KNN_CERT_REQUIRE_NATIVE="1").returncode != 0
