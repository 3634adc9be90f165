"""One chooser: missing ones raise, falling back warns once, slow code is never silent."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import types
import warnings
from pathlib import Path

import pytest

import knn_cert
from knn_cert import _config, kernels
from knn_cert.kernels.contract import Kernel, MovedRaces, PairFamilies, RivalScores
from knn_cert.kernels.summaries import SummaryKernel

# What a backend has beyond the contract.
MORE_FUNCTIONS = {"native": {"compiler", "simd_level"}}
MORE_PARAMETERS = {"native": {"recurrence", "far", "far_kind"}}
# What backends may lack, as types; and who lacks it.
MAY_BE_LACKING = {"moved_races": MovedRaces, "pair_families": PairFamilies, "rival_scores": RivalScores}
LACKING = {"numba": set(MAY_BE_LACKING)}


def parameters_of(function):
    """Name, kind and default of each parameter, in order; compiled functions say them in their docstring."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        said = ast.parse(f"def {function.__doc__.splitlines()[0]}: ...").body[0].args
        assert not said.posonlyargs
        defaults = [None] * (len(said.args) - len(said.defaults)) + said.defaults + said.kw_defaults
        return [
            (argument.arg, kind, None if default is None else ast.literal_eval(default))
            for (argument, kind), default in zip(
                [(argument, "positional") for argument in said.args]
                + [(argument, "keyword only") for argument in said.kwonlyargs],
                defaults,
                strict=True,
            )
        ]
    kinds = {
        inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional",
        inspect.Parameter.KEYWORD_ONLY: "keyword only",
    }
    empty = inspect.Parameter.empty
    return [(p.name, kinds[p.kind], None if p.default is empty else p.default) for p in parameters]


@pytest.fixture
def chooser(monkeypatch):
    """Install backends, True for present and False for missing, into a chooser without memory."""

    def install(**modules):
        names = {}
        for name, present in modules.items():
            names[name] = f"knn_cert_stand_in_{name}"
            if present:
                monkeypatch.setitem(sys.modules, names[name], types.ModuleType(names[name]))
        monkeypatch.setattr(kernels, "_MODULES", names)
        forget()
        return kernels

    def forget():
        kernels._load.cache_clear()
        kernels._warn_of_fallback.cache_clear()

    monkeypatch.delenv(kernels.ENVIRONMENT_VARIABLE, raising=False)
    yield install
    monkeypatch.undo()
    forget()


def test_auto_takes_the_compiled_kernel_without_a_word(chooser):
    chooser(native=True, numba=True, reference=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kernels.backend_name(kernels.get_backend()) == "native"


def test_auto_falls_back_to_numba_and_warns_once(chooser):
    chooser(native=False, numba=True, reference=True)
    # three calls, one warning
    with pytest.warns(RuntimeWarning, match=r"knn_cert_stand_in_native.*using numba.*compiler") as record:  # noqa: PT031
        assert kernels.backend_name(kernels.get_backend("auto")) == "numba"
        kernels.get_backend("auto")
        kernels.get_backend()
    assert len(record) == 1


def test_auto_never_takes_the_reference(chooser):
    chooser(native=False, numba=False, reference=True)
    with pytest.raises(ImportError, match=r"native:.*numba:.*pip install numba.*backend='reference'"):
        kernels.get_backend()
    assert kernels.available_backends() == ("reference",)


@pytest.mark.parametrize("name", ["native", "numba"])
def test_a_forced_backend_that_is_missing_raises_with_reason_and_remedy(chooser, name):
    chooser(native=name != "native", numba=name != "numba", reference=True)
    with pytest.raises(
        ImportError, match=rf"the {name} backend, asked for by backend.*knn_cert_stand_in_{name}.*install"
    ):
        kernels.get_backend(name)


def test_a_forced_backend_does_not_warn(chooser):
    chooser(native=False, numba=True, reference=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kernels.backend_name(kernels.get_backend("numba")) == "numba"


def test_the_environment_chooses_where_the_caller_does_not(chooser, monkeypatch):
    chooser(native=True, numba=True, reference=True)
    monkeypatch.setenv(kernels.ENVIRONMENT_VARIABLE, "reference")
    assert kernels.backend_name(kernels.get_backend()) == "reference"
    assert kernels.backend_name(kernels.get_backend("numba")) == "numba"


@pytest.mark.parametrize("value", ["", "auto"])
def test_an_empty_environment_variable_chooses_nothing(chooser, monkeypatch, value):
    chooser(native=True, numba=True, reference=True)
    monkeypatch.setenv(kernels.ENVIRONMENT_VARIABLE, value)
    assert kernels.backend_name(kernels.get_backend()) == "native"


def test_a_missing_backend_in_the_environment_raises_and_names_the_variable(chooser, monkeypatch):
    chooser(native=False, numba=True, reference=True)
    monkeypatch.setenv(kernels.ENVIRONMENT_VARIABLE, "native")
    with pytest.raises(ImportError, match=r"asked for by \$KNN_CERT_BACKEND"):
        kernels.get_backend()


def test_an_unknown_name_lists_the_names(monkeypatch):
    with pytest.raises(ValueError, match="backend must be one of auto, native, numba, reference, got 'cuda'"):
        kernels.get_backend("cuda")
    monkeypatch.setenv(kernels.ENVIRONMENT_VARIABLE, "Native")
    with pytest.raises(ValueError, match=r"\$KNN_CERT_BACKEND must be one of auto, native.*got 'Native'"):
        kernels.get_backend()


def test_a_backend_is_named_by_a_string():
    with pytest.raises(TypeError, match="backend must be a string, got None"):
        kernels.get_backend(None)


def test_the_reference_is_always_there():
    assert "reference" in kernels.available_backends()


@pytest.mark.parametrize("name", kernels.available_backends())
def test_every_backend_has_the_functions_of_the_contract_and_their_parameters(name):
    module = kernels.get_backend(name)
    assert kernels.backend_name(module) == name
    contract = {
        key: value for key, value in vars(Kernel).items() if inspect.isfunction(value) and key[0] != "_"
    }
    assert len(contract) >= 11
    optional = {key: protocol.__call__ for key, protocol in MAY_BE_LACKING.items()}
    assert set(optional) == set(Kernel.__annotations__) - {"__name__", "summaries"}
    known = set(contract) | set(optional) | {"summaries"}
    assert set(module.__all__) - MORE_FUNCTIONS.get(name, set()) == known
    lacking = {key for key in optional if getattr(module, key) is None}
    assert lacking == LACKING.get(name, set())
    contract |= {key: value for key, value in optional.items() if key not in lacking}
    for function, method in contract.items():
        got = parameters_of(getattr(module, function))
        more = [parameter for parameter in got if parameter[0] in MORE_PARAMETERS.get(name, set())]
        assert all(
            kind == "keyword only" and default in (False, None, "counting") for _, kind, default in more
        )
        _, *wanted = parameters_of(method)  # but self
        assert [parameter for parameter in got if parameter not in more] == wanted, function


def test_the_native_backend_alone_knows_summaries_with_the_functions_of_their_contract():
    with_summaries = [
        name for name in kernels.available_backends() if kernels.get_backend(name).summaries is not None
    ]
    assert with_summaries == [name for name in ("native",) if name in kernels.available_backends()]
    for name in with_summaries:
        summaries = kernels.get_backend(name).summaries
        functions = {key: one for key, one in vars(SummaryKernel).items() if inspect.isfunction(one)}
        functions = {key: one for key, one in functions.items() if key[0] != "_"}
        assert set(summaries.__all__) == set(functions)
        for function, method in functions.items():
            got = {parameter[0] for parameter in parameters_of(getattr(summaries, function))}
            wanted = {parameter[0] for parameter in parameters_of(method)} - {"self"}
            assert wanted <= got and got - wanted <= {"recurrence"}, function


def test_importing_the_package_imports_nothing_heavy():
    program = (
        "import sys, knn_cert; dir(knn_cert); knn_cert.__version__; "
        "print([m for m in ('numpy', 'scipy', 'sklearn', 'numba', 'pandas') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(knn_cert.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "[]"


def test_every_public_name_is_there_and_listed():
    missing = [name for name in knn_cert.__all__ if not hasattr(knn_cert, name)]
    assert missing == []
    assert set(knn_cert.__all__) <= set(dir(knn_cert))


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'smoothed'"):
        knn_cert.smoothed  # noqa: B018


def test_show_config_tells_what_a_bug_report_needs(capsys):
    facts = knn_cert.show_config("dict")
    assert capsys.readouterr().out == ""
    assert facts["version"] == knn_cert.__version__
    assert facts["backends"] == kernels.available_backends()
    assert facts["threads"] >= 1
    assert (facts["simd"] is None) == ("native" not in facts["backends"])

    assert knn_cert.show_config() is None
    printed = capsys.readouterr().out
    assert all(f"{name} " in printed for name in facts)


def test_show_config_works_where_no_fast_backend_does(chooser, capsys):
    chooser(native=False, numba=False, reference=True)
    assert "no fast backend" in knn_cert.show_config("dict")["backend"]


def test_show_config_refuses_an_unknown_mode():
    with pytest.raises(ValueError, match="got 'json'"):
        knn_cert.show_config("json")


def test_get_include_holds_the_headers():
    assert (Path(knn_cert.get_include()) / "knn_cert" / "ncx2.hpp").is_file()


def test_get_include_says_where_it_looked(monkeypatch, tmp_path):
    monkeypatch.setattr(_config, "__file__", str(tmp_path / "knn_cert" / "_config.py"))
    with pytest.raises(FileNotFoundError, match=r"headers.*reinstall"):
        knn_cert.get_include()
