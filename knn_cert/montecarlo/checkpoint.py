"""A folder where the models of an ensemble are kept as they are trained, and checked when they are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._npz import open_npz
from .._writing import whole_or_nothing
from ..fingerprint import parameters_digest
from ..gate.errors import InvalidInput
from .protocols import KeepableTrainer

__all__ = ["Checkpoint"]

# The entry of a file that says what it holds and of which models; trainers use other names.
_DIGEST = "knn_cert.digest"


class Checkpoint:
    """A folder with one file for each group of models, and one that says whose they are.

    Parameters
    ----------
    folder : Path
    trainer : KeepableTrainer
    fingerprint : callable () -> str
        Of everything that the models depend on.
    """

    def __init__(self, folder: Path, trainer: KeepableTrainer, fingerprint: Callable[[], str]) -> None:
        self._folder, self._trainer = folder, trainer
        folder.mkdir(parents=True, exist_ok=True)
        head = folder / "ensemble.json"
        self._mine = {"format": "knn_cert.ensemble", "version": 2, "fingerprint": fingerprint()}
        if head.exists():
            try:
                theirs = json.loads(head.read_text(encoding="utf-8"))
            except ValueError as error:
                raise InvalidInput(f"{head} is cut off or none ({error}); delete the folder") from error
            if theirs != self._mine:
                raise InvalidInput(
                    f"{folder} holds models of another ensemble: other rows, settings or seed; choose "
                    "another folder, or delete this one"
                )
        else:
            with whole_or_nothing(head) as temporary:
                temporary.write_text(json.dumps(self._mine), encoding="utf-8")

    def load(self, start: int, n_models: int) -> list[Any] | None:
        """Return the models that were saved under this number, None if there are none.

        Raises
        ------
        ValueError
            If the file is damaged, was changed, or holds other models. A digest finds accidents; who wants to
            exchange models can write another one.
        """
        path = self._path(start)
        if not path.exists():
            return None
        try:
            with open_npz(path) as archive:
                arrays = {name: archive[name] for name in archive.files}
            digest = bytes(arrays.pop(_DIGEST, b""))
            if digest != self._digest(start, arrays):
                raise ValueError("its models are others than those that were saved under this name")
            models = list(self._trainer.unpack(arrays))
        except Exception as error:  # zip, zlib and NumPy raise many kinds for a damaged file
            raise InvalidInput(f"{path} is damaged ({error}); delete it and fit again") from error
        if len(models) != n_models:
            raise InvalidInput(f"{path} holds {len(models)} models, expected {n_models}; delete it and fit")
        return models

    def save(self, start: int, models: Sequence[Any]) -> None:
        """Keep models under this number, in a file that is whole or not there."""
        arrays = {name: np.asarray(array) for name, array in self._trainer.pack(models).items()}
        digest = np.frombuffer(self._digest(start, arrays), dtype=np.uint8)
        entries: dict[str, Any] = {**arrays, _DIGEST: digest}
        with whole_or_nothing(self._path(start)) as temporary, temporary.open("wb") as file:
            np.savez(file, **entries)

    def _digest(self, start: int, arrays: dict[str, NDArray[Any]]) -> bytes:
        """Return a digest of the models, of the ensemble that they belong to and of their place in it."""
        return parameters_digest([self._mine["fingerprint"], start, arrays])

    def _path(self, start: int) -> Path:
        return self._folder / f"models-{start:06d}.npz"
