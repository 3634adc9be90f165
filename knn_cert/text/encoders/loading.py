"""Folders that save_pretrained wrote, looked through and loaded: tokenizer and model of an encoder, fixed."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...gate.errors import InvalidInput

# What transformers saves and reads, whole or in shards. It reads a folder without any of the third group as a
# tokenizer that knows no word, and says nothing.
_CONFIG = ("config.json",)
_WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_TOKENIZER = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)


def import_backends() -> None:
    """Import torch and transformers, or say which extra brings them."""
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"TransformerEncoder needs torch and transformers ({error}); install them with "
            "pip install 'knn-cert[text]', or use WordVectorEncoder, which needs neither"
        ) from error


def check_folder(path: str | os.PathLike[str]) -> Path:
    """Return the folder, or say which of its three parts is missing: configuration, weights, vocabulary."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be that of a folder, got {path!r} of type {type(path).__name__}")
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise NotADirectoryError(
            f"path must be an existing folder with a saved model, got {os.fspath(path)!r}; models are not "
            "looked up by name and not downloaded: save one with save_pretrained() and give its folder"
        )
    for what, names in (("configuration", _CONFIG), ("weights", _WEIGHTS), ("vocabulary", _TOKENIZER)):
        if not any((folder / name).is_file() for name in names):
            raise FileNotFoundError(
                f"{folder} has no {what}: expected {' or '.join(names)}, got none of them; save the "
                "model and its tokenizer into the same folder with save_pretrained()"
            )
    return folder


def load_encoder(folder: Path, device: str) -> tuple[Any, Any]:
    """Return tokenizer and model, fixed and ready to be asked, after a look at whether they fit.

    Raises
    ------
    ValueError
        If the files are corrupt or do not belong together, or the model is no encoder.
    """
    import torch
    import transformers

    # Parameters that are missing would be drawn at random, from the caller's random numbers.
    with _quiet(), torch.random.fork_rng(devices=[]):
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
            model, found = transformers.AutoModel.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False, output_loading_info=True
            )
        except (ImportError, MemoryError):
            raise
        # Whatever the readers of so many formats raise for bytes that they do not understand.
        except Exception as error:
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            raise InvalidInput(
                f"{folder}: expected a model and its tokenizer as save_pretrained() writes them, got files "
                f"that cannot be loaded ({reason}); save or copy them again"
            ) from error
    # It comes after the states that are used here, and many saved models have none.
    if hasattr(model, "pooler"):
        model.pooler = None
    missing = sorted(name for name in found["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise InvalidInput(
            f"{folder}: expected weights for all of {type(model).__name__}, got none for {len(missing)} of "
            f"its parameters, {missing[0]} first; configuration and weights are not of the same model"
        )
    if model.config.is_encoder_decoder or not hasattr(model.config, "hidden_size"):
        raise InvalidInput(
            f"{folder}: expected an encoder such as BERT, got {type(model).__name__}; give the folder of an "
            "encoder"
        )
    if tokenizer.pad_token_id is None:
        raise InvalidInput(f"{folder}: expected a tokenizer with a token for padding, got one without")
    highest = max(tokenizer.get_vocab().values())
    if highest >= model.get_input_embeddings().num_embeddings:
        raise InvalidInput(
            f"{folder}: expected tokens with numbers below {model.get_input_embeddings().num_embeddings}, of "
            f"which the model has vectors, got {highest} in the vocabulary; the tokenizer is not that of the "
            "model"
        )
    return tokenizer, model.float().requires_grad_(False).eval().to(device)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from drawing progress bars and reporting; what matters of it is raised here."""
    import transformers

    reports: Any = transformers.utils.logging
    verbosity, bars = reports.get_verbosity(), reports.is_progress_bar_enabled()
    reports.set_verbosity_error()
    reports.disable_progress_bar()
    try:
        yield
    finally:
        reports.set_verbosity(verbosity)
        if bars:
            reports.enable_progress_bar()


def n_positions(model: Any) -> int | float:
    """Return how many tokens the model has positions for, infinity where it does not say."""
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    # RoBERTa and its kin number them from behind that of the padding.
    start = 0 if padding is None else padding + 1
    most: int | float = getattr(model.config, "max_position_embeddings", math.inf)
    return most - start
