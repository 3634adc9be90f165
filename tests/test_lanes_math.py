"""exp, log, sine and cosine of the C++ kernel's lanes, eight numbers at a time, against high precision."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from mpmath import mp

import knn_cert

PROGRAM = Path(__file__).with_name("lanes_math.cpp")
WITHIN = 4.0 * 2.0**-53


@pytest.fixture(scope="module", params=["-O0", "-O2"])
def values(request, tmp_path_factory):
    """Numbers, and the four functions of each; without and with a compiler that rearranges."""
    compiler = shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    binary = tmp_path_factory.mktemp("lanes") / "lanes"
    command = [compiler, "-std=c++17", request.param, "-Wno-psabi", f"-I{knn_cert.get_include()}"]
    subprocess.run([*command, str(PROGRAM), "-o", str(binary)], check=True, capture_output=True)
    rng = np.random.default_rng(0)
    numbers = np.concatenate(
        [
            rng.uniform(-700.0, 700.0, 400),
            rng.uniform(-4.0, 4.0, 400),
            1.0 + rng.uniform(-1e-3, 1e-3, 400),
            np.exp(rng.uniform(-690.0, 690.0, 400)),
            np.linspace(-8.0, 8.0, 65)[:64] * np.pi / 4.0,
        ]
    )
    text = "\n".join(map(repr, numbers.tolist()))
    answer = subprocess.run([str(binary)], input=text, capture_output=True, text=True, check=True)
    found = np.array([list(map(float, line.split())) for line in answer.stdout.splitlines()])
    assert found[:, 0].tolist() == numbers.tolist()
    return found


def test_exp_is_right_to_the_last_bits_and_clipped_beyond(values):
    for x, found in values[:, :2]:
        wanted = mp.exp(mp.mpf(float(np.clip(x, -700.0, 700.0))))
        assert abs(mp.mpf(float(found)) / wanted - 1) <= WITHIN, x


def test_log_is_right_to_the_last_bits_also_near_one(values):
    for x, found in values[:, [0, 2]]:
        if x > 0.0:
            assert abs(mp.mpf(float(found)) - mp.log(mp.mpf(float(x)))) <= WITHIN * abs(
                mp.log(mp.mpf(float(x)))
            )


def test_sine_and_cosine_are_right_in_every_quadrant(values):
    for x, sine, cosine in values[:, [0, 3, 4]]:
        if abs(x) <= 1e5:
            assert abs(mp.mpf(float(sine)) - mp.sin(mp.mpf(float(x)))) <= WITHIN, x
            assert abs(mp.mpf(float(cosine)) - mp.cos(mp.mpf(float(x)))) <= WITHIN, x
