"""The inequalities that the C++ kernel's bounds rest on, in high precision; the headers are compiled here."""

from __future__ import annotations

import functools
import math
import shutil
import subprocess
from pathlib import Path

import pytest
from mpmath import mp, mpc, mpf

import knn_cert

PROGRAM = Path(__file__).with_name("law_lemmas.cpp")

# dof, node, piece of width 1/2: at the query where U is tiny, at the middle of the law, far below it
PIECES = [
    (20.0, 8.9, 0),
    (3.0, 8.2, 0),
    (3.0, 8.2, 1),
    (1.0, 6.0, 0),
    (1.0, 4.0, 3),
    (2.0, 5.0, 2),
    (20.0, 6.5, 1),
    (20.0, 5.0, 6),
    (56.0, 10.0, 8),
    (56.0, 12.5, 3),
    (200.0, 16.0, 4),
    (200.0, 21.0, 1),
]
REACH, HALF_AXIS = (0.5, 1.0), (math.sqrt(0.5), math.sqrt(1.5))


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The program, compiled."""
    compiler = shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    binary = tmp_path_factory.mktemp("lemmas") / "lemmas"
    command = [
        compiler,
        "-std=c++17",
        "-O0",
        "-pthread",
        f"-I{knn_cert.get_include()}",
        PROGRAM,
        "-o",
        binary,
    ]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return binary


@pytest.fixture(scope="module")
def bounds(program):
    """The program's line of numbers for each of PIECES."""
    asked = "\n".join(f"{d!r} {t!r} {index}" for d, t, index in PIECES)
    lines = subprocess.run([str(program)], input=asked, check=True, capture_output=True, text=True).stdout
    return [[float(word) for word in line.split()] for line in lines.splitlines()]


@pytest.mark.parametrize("d", [1, 2, 20])
@pytest.mark.parametrize("degree", [1, 3])
def test_rows_left_out_change_no_polynomial_by_more_than_is_charged(program, d, degree):
    """G by the share that is asked for, A by twice that; some rows are left out, or nothing is tested."""
    command = [str(program), str(d), str(degree)]
    answer = subprocess.run(command, stdin=subprocess.DEVNULL, check=True, capture_output=True, text=True)
    change_of_G, change_of_A = (float(word) for word in answer.stdout.split())
    assert 0.0 < change_of_G <= 1.0
    assert 0.0 < change_of_A <= 2.0


def test_cells_keep_what_is_charged_for_the_law(program):
    command = [str(program), "cells"]
    answer = subprocess.run(command, stdin=subprocess.DEVNULL, check=True, capture_output=True, text=True)
    near, far = (float(word) for word in answer.stdout.split())
    assert 0.0 < near <= 1e-12
    assert 0.0 < far <= 5e-11


@functools.cache
def gamma_terms(d, t):
    """Q(a + j, y) and w(a + j - 1, y), j = 0, 1, ..., with a = d/2, y = t^2/2."""
    a, y = mpf(d) / 2, mpf(t) ** 2 / 2
    q, g = mp.gammainc(a, y, regularized=True), mp.exp(-y) * y ** (a - 1) / mp.gamma(a)
    terms = []
    for j in range(500):
        terms.append((q, g))
        g = g * y / (a + j)
        q = q + g
    return terms


def law(d, s, t):
    """(U, f) at complex s: entire in s, by the Poisson mixture at its word."""
    mu = mpc(s) ** 2 / 2
    U, f, p = mpc(0), mpc(0), mp.exp(-mu)
    most = 100 + int(4 * abs(mu))  # beyond, the weights are below 1e-60
    for j, (q, g) in enumerate(gamma_terms(d, t)[:most]):
        U, f = U + p * q, f + p * g
        p = p * mu / (j + 1)
    return U, f * t


@pytest.mark.parametrize("number", range(len(PIECES)))
def test_odds_and_hazards_on_the_ellipses_of_a_piece_stay_below_their_bounds(bounds, number):
    d, t, index = PIECES[number]
    left = index / 2
    with mp.workdps(50):
        for e in range(2):
            sup_odds, sup_hazard = bounds[number][e], bounds[number][2 + e]
            for k in range(7):  # conjugates are alike
                angle = mp.pi * k / 6
                s = mpc(left + 0.25 + (0.25 + REACH[e]) * mp.cos(angle), mpf(HALF_AXIS[e]) * mp.sin(angle))
                U, f = law(d, s, t)
                assert abs((1 - U) / U) <= sup_odds
                assert abs(f / U) <= sup_hazard


@pytest.mark.parametrize("number", range(len(PIECES)))
def test_no_hazard_of_a_piece_exceeds_its_largest(bounds, number):
    d, t, index = PIECES[number]
    with mp.workdps(50):
        for k in range(9):
            U, f = law(d, mpf(index) / 2 + mpf(k) / 16, t)
            assert f.real / U.real <= bounds[number][4]


@pytest.mark.parametrize("number", range(len(PIECES)))
def test_the_quotient_of_bessel_functions_lies_between_its_bounds(bounds, number):
    d, t, index = PIECES[number]
    lower, upper = bounds[number][5:]
    z = mpf(t) * index
    quotient = mp.besseli(mpf(d) / 2, z) / mp.besseli(mpf(d) / 2 - 1, z) if z else mpf(0)
    assert lower * (1 - 1e-15) <= quotient <= upper * (1 + 1e-15)


@pytest.mark.parametrize("d", [1.0, 2.0, 5.5, 56.0])
def test_hazards_are_below_what_the_bounds_of_left_out_nodes_take(d):
    """f / F <= d / t + s and f / U <= t + 1: what turns a probability into a bound of the integrand."""
    with mp.workdps(50):
        for s in (0.0, 0.4, 3.0, 9.0):
            for t in (1e-6, 0.1, 1.0, 4.0, 8.0, 13.0):
                U, f = (value.real for value in law(d, s, t))
                if mpf(10) ** -30 < 1 - U:  # the other tail is a complement here
                    assert f / (1 - U) <= d / t + s
                assert f / U <= t + 1
