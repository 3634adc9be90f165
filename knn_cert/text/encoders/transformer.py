"""Pooled states of a pre-trained transformer, loaded from a folder: torch is imported on use only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...fingerprint import parameters_digest
from ...gate.errors import InvalidInput
from ...gate.numbers import as_flag, as_whole_number
from ..corpus import check_texts
from .loading import check_folder, import_backends, load_encoder, n_positions
from .rows import finished, normalization_note

if TYPE_CHECKING:
    import torch

_POOLINGS = ("mean", "cls")


class TransformerEncoder:
    """A pre-trained encoder of the BERT type, loaded from a folder and never trained further.

    The folder must not have been fine-tuned on the training table, nor its words added to the vocabulary:
    else every certificate on the rows is void. Nothing is downloaded, and no code of the folder is run.

    Parameters
    ----------
    path : path-like
        Folder that ``save_pretrained`` of the model and of its tokenizer wrote: configuration, weights and
        vocabulary. Weights are taken in single precision.
    pooling : {"mean", "cls"}
        The mean over the last states of a text's tokens, special tokens included and padding left out, or the
        state of its first token.
    max_length : int
        Tokens of a text, special tokens included; what is longer is cut at its end.
    batch_size : int
        Texts that pass the network at once, those of similar length together. With 1 a row is bit for bit a
        function of its own text. With more it is so up to the rounding of single precision, about 1e-6 of
        its length: to the letter a certificate needs 1.
    device : str
        "cpu", "cuda", ... See `knn_cert.deep` on what "cuda" asks for.
    normalize : bool, default=False
        Divide each row by its own L2 norm.

    Attributes
    ----------
    n_features : int
        d.

    Raises
    ------
    ImportError
        If torch or transformers is missing.
    NotADirectoryError, FileNotFoundError
        If path is no folder, or the configuration, the weights or the vocabulary is missing in it.
    TypeError, ValueError
        If a setting is not of its type or out of its range, the files are corrupt or do not belong together,
        or the model is no encoder.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        pooling: str = "mean",
        max_length: int = 128,
        batch_size: int = 64,
        device: str = "cpu",
        normalize: bool = False,
    ) -> None:
        if pooling not in _POOLINGS:
            raise InvalidInput(f"pooling must be one of {', '.join(_POOLINGS)}, got {pooling!r}")
        self._pooling = pooling
        self._max_length = as_whole_number(max_length, "max_length", least=1)
        self._batch_size = as_whole_number(batch_size, "batch_size", least=1)
        self._normalize = as_flag(normalize, "normalize")
        folder = check_folder(path)
        import_backends()
        from ...deep.checks import check_device

        self._device = check_device(device)
        self._tokenizer, self._model = load_encoder(folder, self._device)
        self._check_length()

    @property
    def n_features(self) -> int:
        """Number of features of a row, d."""
        return int(self._model.config.hidden_size)

    @property
    def digest(self) -> str:
        """SHA-256 of the parameters, the vocabulary and the settings that decide a row, in hexadecimal."""
        return parameters_digest(
            {
                "parameters": {
                    name: tensor.cpu().numpy() for name, tensor in self._model.state_dict().items()
                },
                "vocabulary": self._tokenizer.get_vocab(),
                "pooling": self._pooling,
                "max_length": self._max_length,
                "normalize": self._normalize,
            }
        ).hex()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the row of each text, float32, in the order of the texts.

        Parameters
        ----------
        texts : sequence of str, length m

        Returns
        -------
        ndarray of float32, shape (m, d)

        Raises
        ------
        TypeError, ValueError
            As `knn_cert.text.corpus.check_texts`; ValueError also if the network gives NaN or infinity.
        """
        import torch

        from ...deep.determinism import reproducible

        texts = check_texts(texts)
        rows = np.empty((len(texts), self.n_features), dtype=np.float32)
        if not texts:
            return rows
        tokens = self._tokens(texts)
        # Little padding where the texts of a batch are of one length.
        order = np.argsort([len(numbers) for numbers in tokens], kind="stable")
        with reproducible(), torch.no_grad():
            for start in range(0, len(texts), self._batch_size):
                batch = order[start : start + self._batch_size]
                rows[batch] = self._pooled([tokens[i] for i in batch]).cpu().numpy()
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if bad.size:
            raise InvalidInput(
                f"the network gives numbers that are not finite for text {bad[0]} ({texts[bad[0]][:40]!r}); "
                "its weights are probably corrupt"
            )
        return finished(rows, self._normalize)

    def describe(self) -> str:
        """Return what a row is, in plain words, for reports."""
        config = self._model.config
        pooled = "mean of the last states" if self._pooling == "mean" else "state of the first token"
        return (
            f"{type(self._model).__name__} of {config.num_hidden_layers} layers, fixed, {pooled}, at most "
            f"{self._max_length} tokens, {self.n_features} features{normalization_note(self._normalize)}"
        )

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        """Return the numbers of the tokens of each text, cut to the length, without padding."""
        tokens: list[list[int]] = self._tokenizer(
            texts,
            truncation=True,
            max_length=self._max_length,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        for i, numbers in enumerate(tokens):
            if not numbers:
                raise InvalidInput(f"text {i} has no token ({texts[i]!r}); leave such texts out")
        return tokens

    def _pooled(self, tokens: list[list[int]]) -> torch.Tensor:
        """Return the rows of one batch, a tensor (m, d)."""
        import torch

        length = max(map(len, tokens))
        numbers = torch.full((len(tokens), length), int(self._tokenizer.pad_token_id), dtype=torch.long)
        mask = torch.zeros((len(tokens), length), dtype=torch.long)
        for i, own in enumerate(tokens):
            numbers[i, : len(own)] = torch.tensor(own)
            mask[i, : len(own)] = 1
        mask = mask.to(self._device)
        # Without segment numbers the network takes all of them to be of the first segment.
        states: torch.Tensor = self._model(
            input_ids=numbers.to(self._device), attention_mask=mask, return_dict=True
        ).last_hidden_state
        if self._pooling == "cls":
            return states[:, 0]
        weights = mask[:, :, None].to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1)

    def _check_length(self) -> None:
        least = self._tokenizer.num_special_tokens_to_add() + 1
        most = min(self._tokenizer.model_max_length, n_positions(self._model))
        if not least <= self._max_length <= most:
            raise InvalidInput(
                f"max_length must be between {least} and {most} for this model, got {self._max_length}"
            )
