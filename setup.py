"""Build the compiled kernel; where there is no compiler, install without it (numba takes over)."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

from pybind11.setup_helpers import Pybind11Extension
from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
HEADERS = Path("csrc/include/knn_cert")
X86 = platform.machine().lower() in ("x86_64", "amd64")

# One file an instruction set; which one runs is decided at run time (csrc/simd/dispatch.cpp). A product and a
# sum may become one operation with one rounding; compilers that tune for no processor in particular keep them
# apart.
LEVELS = {"leaf_baseline.cpp": []}
if X86 and sys.platform != "win32":
    LEVELS["leaf_avx2.cpp"] = ["-ffp-contract=fast", "-mavx2", "-mfma", "-mtune=haswell"]
    LEVELS["leaf_avx512.cpp"] = [
        "-ffp-contract=fast",
        "-mavx512f",
        "-mavx512dq",
        "-mavx512vl",
        "-mavx2",
        "-mfma",
        "-mprefer-vector-width=512",
        "-mtune=skylake-avx512",
    ]


FLAGS = ["/O2"]
if sys.platform != "win32":
    FLAGS = ["-O3", "-g0", "-Wall", "-Wextra", "-Wno-psabi", "-fno-math-errno"]
    # Where the project itself is tested; users' compilers may know warnings that ours do not.
    FLAGS += ["-Werror"] if os.environ.get("KNN_CERT_WERROR") else []


class BuildKernel(build_ext):
    """Gives each file of csrc/simd its flags, and lets a missing compiler pass."""

    def build_extension(self, ext):
        compile_one = getattr(self.compiler, "_compile", None)

        def compile_with_level(obj, src, ext_name, cc_args, extra_postargs, pp_opts):
            compile_one(obj, src, ext_name, cc_args, extra_postargs + LEVELS.get(Path(src).name, []), pp_opts)

        if compile_one is not None:
            self.compiler._compile = compile_with_level
        super().build_extension(ext)

    def run(self):
        try:
            super().run()
        except Exception as error:  # setuptools raises many kinds, distutils others
            if os.environ.get("KNN_CERT_REQUIRE_NATIVE"):
                raise
            print(
                f"warning: the compiled kernel of knn_cert was not built ({error}).\n"
                "The numba backend will be used. Install a C++17 compiler and reinstall to get the kernel;\n"
                "KNN_CERT_REQUIRE_NATIVE=1 makes this an error.",
                file=sys.stderr,
            )


class BuildWithHeaders(build_py):
    """Puts the C++ headers inside the package: knn_cert.get_include() returns their folder."""

    def run(self):
        super().run()
        if self.editable_mode:
            return  # a source checkout has them in csrc
        target = Path(self.build_lib) / "knn_cert" / "include" / "knn_cert"
        target.mkdir(parents=True, exist_ok=True)
        for header in sorted((ROOT / HEADERS).glob("*.hpp")):
            shutil.copy2(header, target / header.name)


sources = [str(path) for path in sorted(Path("csrc/bindings").glob("*.cpp"))]
sources += ["csrc/simd/dispatch.cpp"] + [f"csrc/simd/{name}" for name in LEVELS]
kernel = Pybind11Extension(
    "knn_cert._core",
    sources,
    include_dirs=["csrc/include"],
    cxx_std=17,
    define_macros=[("KNN_CERT_X86_LEVELS", "1")] if len(LEVELS) > 1 else [],
    extra_compile_args=FLAGS,
    depends=[str(path) for path in [*HEADERS.glob("*.hpp"), *Path("csrc/bindings").glob("*.hpp")]],
)

setup(ext_modules=[kernel], cmdclass={"build_ext": BuildKernel, "build_py": BuildWithHeaders})
