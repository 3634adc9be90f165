"""Sentence embeddings that are fixed before the training table is seen: a row of numbers for each text.

A certificate of a classifier on embeddings says what r tampered texts can do by changing r rows. That holds
only if no text can move the row of another one: parameters, vocabulary, word weights and every later scaling
must come from elsewhere than the training table, and must not be tuned on it.

Importing this module imports neither torch nor transformers; making a `TransformerEncoder` does.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from ..gate.arrays import as_float_array
from ..gate.numbers import as_whole_number
from ..montecarlo.fingerprint import parameters_digest
from .corpus import Corpus, check_texts, tokenize

__all__ = ["Coverage", "TransformerEncoder", "WordVectorEncoder", "sif_weights"]

_POOLINGS = ("mean", "cls")

# Below it a sum of weights loses digits, and at last is zero.
_SMALLEST_WEIGHT = 1e-12

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


class Coverage(NamedTuple):
    """How much of some texts a `WordVectorEncoder` knows.

    Attributes
    ----------
    tokens, known_tokens : int
        Tokens of all texts, and those of them that have a vector.
    types, known_types : int
        Distinct tokens, and those of them that have a vector.
    without_known : ndarray of int64
        Positions of the texts that have no known word. They are all the same to a classifier.
    """

    tokens: int
    known_tokens: int
    types: int
    known_types: int
    without_known: np.ndarray


class WordVectorEncoder:
    """The mean of the fixed vectors of a text's words, weighted by fixed weights or not at all.

    Words, vectors and weights must not come from the training table: vectors that were learned from it, or
    weights by how often a word occurs in it, let one text move the rows of all others, and certificates on
    them are void. `knn_cert.text.corpus.tokenize` cuts the texts; words without a vector are skipped.

    Parameters
    ----------
    words : sequence of str, length n
        In lower case, as `tokenize` gives them; no word twice.
    vectors : array_like of shape (n, d)
        Finite.
    weights : array_like of shape (n,), optional
        Weight of each word, finite and > 0, such as `sif_weights`; only their ratios count. None weighs all
        words alike.
    normalize : bool, default=False
        Divide each row by its own L2 norm. A row of zeros stays one.

    Attributes
    ----------
    n_features : int
        d.

    Raises
    ------
    TypeError
        If words are not strings, or vectors or weights not numbers.
    ValueError
        If the shapes do not fit, a word comes twice, a number is NaN or infinite, a weight not > 0, or no
        word is one that `tokenize` can find.

    Examples
    --------
    >>> from knn_cert.text.encoders import WordVectorEncoder
    >>> encoder = WordVectorEncoder(["good", "bad"], [[1.0, 0.0], [0.0, 1.0]])
    >>> encoder.encode(["Good, not bad!", "good"]).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """

    def __init__(self, words: Sequence[str], vectors, *, weights=None, normalize: bool = False):
        words = _check_words(words)
        # Single precision, as they are published: in double whole sets of word vectors take gigabytes.
        with np.errstate(over="ignore"):
            vectors = as_float_array(vectors, "vectors").astype(np.float32)
        if vectors.ndim != 2 or len(vectors) != len(words) or vectors.shape[1] == 0:
            raise ValueError(
                f"vectors must have the shape ({len(words)}, d), one row for each of the words, got "
                f"{vectors.shape}"
            )
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if bad.size:
            raise ValueError(
                f"vectors must be finite in single precision, got {vectors[bad[0]]} for {words[bad[0]]!r}; "
                "leave such words out"
            )
        weights = np.ones(len(words)) if weights is None else as_float_array(weights, "weights")
        if weights.shape != (len(words),):
            raise ValueError(
                f"weights must have the shape ({len(words)},), one for each of the words, got {weights.shape}"
            )
        fine = np.isfinite(weights)
        largest = weights[fine].max(initial=0.0)
        bad = np.flatnonzero(~(fine & (weights > _SMALLEST_WEIGHT * largest)))
        if bad.size:
            raise ValueError(
                f"weights must be finite, > 0 and above {_SMALLEST_WEIGHT:g} of the largest, got "
                f"{weights[bad[0]]} for {words[bad[0]]!r}; leave words that shall not count out of the list"
            )
        self._numbers = {word: number for number, word in enumerate(words)}
        self._vectors = vectors
        self._weights = weights / largest
        self._normalize = _check_flag(normalize, "normalize")
        self._warned = False
        self._places: tuple = ((), np.zeros(0, dtype=np.int64))

    @property
    def n_features(self) -> int:
        return self._vectors.shape[1]

    @property
    def digest(self) -> str:
        """SHA-256 of words, vectors, weights and settings, in hexadecimal."""
        return parameters_digest(
            {
                "words": list(self._numbers),
                "vectors": self._vectors,
                "weights": self._weights,
                "normalize": self._normalize,
            }
        ).hex()

    def canonical_parameters(self) -> dict[str, np.ndarray]:
        """All that rows depend on, by name."""
        return {
            "words": np.array(list(self._numbers)),
            "vectors": self._vectors,
            "weights": self._weights,
            "normalize": np.array(self._normalize),
        }

    def encode(self, texts) -> np.ndarray:
        """Return the row of each text, float32; a text without a known word gets zeros.

        The first time that happens there is a warning; `coverage` tells which texts they are. A row is bit
        for bit a function of its own text.

        Parameters
        ----------
        texts : sequence of str, length m

        Returns
        -------
        ndarray of float32, shape (m, d)

        Raises
        ------
        TypeError, ValueError
            As `knn_cert.text.corpus.check_texts`.
        """
        texts = check_texts(texts)
        known = [self._known(tokenize(text)) for text in texts]
        unknown = [i for i, numbers in enumerate(known) if not numbers]
        if unknown and not self._warned:
            self._warned = True
            warnings.warn(
                f"{len(unknown)} of {len(texts)} texts have no word with a vector, text {unknown[0]} first; "
                "their rows are zeros, all the same. coverage(texts) lists them",
                stacklevel=2,
            )
        starts = np.cumsum([0, *map(len, known)])
        return self._rows(np.array([number for text in known for number in text], dtype=np.int64), starts)

    def encode_corpus(self, corpus: Corpus) -> np.ndarray:
        """Return the rows of numbered tokens, as `encode` does, without a warning: noise may leave nothing.

        Parameters
        ----------
        corpus : Corpus
            m texts; empty ones too.

        Returns
        -------
        ndarray of float32, shape (m, d)
        """
        if self._places[0] is not corpus.vocabulary:
            # All models of an ensemble share a vocabulary.
            places = [self._numbers.get(word, -1) for word in corpus.vocabulary]
            self._places = corpus.vocabulary, np.array(places, dtype=np.int64)
        found = self._places[1][corpus.tokens]
        known = found >= 0
        return self._rows(found[known], np.concatenate([[0], np.cumsum(known)])[corpus.starts])

    def coverage(self, texts) -> Coverage:
        """Count how much of the texts has a vector.

        Parameters
        ----------
        texts : sequence of str

        Returns
        -------
        Coverage

        Raises
        ------
        TypeError, ValueError
            As `encode`.
        """
        n_tokens = n_known = 0
        types: set[str] = set()
        without = []
        for i, text in enumerate(check_texts(texts)):
            tokens = tokenize(text)
            known = len(self._known(tokens))
            types.update(tokens)
            n_tokens, n_known = n_tokens + len(tokens), n_known + known
            if not known:
                without.append(i)
        return Coverage(
            n_tokens,
            n_known,
            len(types),
            sum(word in self._numbers for word in types),
            np.array(without, dtype=np.int64),
        )

    def describe(self) -> str:
        weighted = "weighted mean" if np.ptp(self._weights) > 0.0 else "mean"
        return (
            f"{weighted} of the fixed vectors of a text's words, {len(self._numbers):,} words, "
            f"{self.n_features} features{_unit(self._normalize)}"
        )

    def _known(self, tokens: Sequence[str]) -> list[int]:
        return [self._numbers[token] for token in tokens if token in self._numbers]

    def _rows(self, known: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Rows of texts: text i has the known words ``known[starts[i]:starts[i + 1]]``, by number."""
        shape = len(starts) - 1, len(self._weights)
        weights = sp.csr_array((self._weights[known], known, starts), shape=shape)
        totals = weights @ np.ones(shape[1])
        # A sparse product adds word by word, in the order of the text; a dense one may round a row by its
        # neighbours.
        shares = self._weights[known] / np.repeat(totals, np.diff(starts))
        return _finished(sp.csr_array((shares, known, starts), shape=shape) @ self._vectors, self._normalize)


def sif_weights(frequencies, *, a: float = 1e-3) -> np.ndarray:
    """Weigh frequent words down: a / (a + p), the smooth inverse frequency of Arora, Liang and Ma (2017).

    The frequencies must be those of another corpus than the training table. Where only the order is known,
    as for GloVe, ``1 / rank`` serves, with a larger `a`: shares of words fall about like that.

    Parameters
    ----------
    frequencies : array_like of shape (n,)
        Share p of each word, or anything proportional to it, finite and >= 0.
    a : float > 0
        Words of this frequency weigh a half.

    Returns
    -------
    ndarray of float64, shape (n,)
        In (0, 1].
    """
    frequencies = as_float_array(frequencies, "frequencies")
    a = as_float_array(a, "a")
    if frequencies.ndim != 1 or not (np.isfinite(frequencies) & (frequencies >= 0.0)).all():
        raise ValueError(
            f"frequencies must be a 1-D array of finite numbers >= 0, got shape {frequencies.shape}, "
            f"smallest {frequencies.min(initial=np.inf):g}"
        )
    if a.ndim != 0 or not (np.isfinite(a) and a > 0.0):
        raise ValueError(f"a must be one number, finite and > 0, got {a!r}")
    return a / (a + frequencies)


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
        path,
        *,
        pooling: str = "mean",
        max_length: int = 128,
        batch_size: int = 64,
        device: str = "cpu",
        normalize: bool = False,
    ):
        if pooling not in _POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(_POOLINGS)}, got {pooling!r}")
        self._pooling = pooling
        self._max_length = as_whole_number(max_length, "max_length", least=1)
        self._batch_size = as_whole_number(batch_size, "batch_size", least=1)
        self._normalize = _check_flag(normalize, "normalize")
        folder = _check_folder(path)
        _import_backends()
        from ..deep.checks import check_device

        self._device = check_device(device)
        self._tokenizer, self._model = _load(folder, self._device)
        self._check_length()

    @property
    def n_features(self) -> int:
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

    def encode(self, texts) -> np.ndarray:
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

        from ..deep.determinism import reproducible

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
            raise ValueError(
                f"the network gives numbers that are not finite for text {bad[0]} ({texts[bad[0]][:40]!r}); "
                "its weights are probably corrupt"
            )
        return _finished(rows, self._normalize)

    def describe(self) -> str:
        config = self._model.config
        pooled = "mean of the last states" if self._pooling == "mean" else "state of the first token"
        return (
            f"{type(self._model).__name__} of {config.num_hidden_layers} layers, fixed, {pooled}, at most "
            f"{self._max_length} tokens, {self.n_features} features{_unit(self._normalize)}"
        )

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        """Numbers of the tokens of each text, cut to the length, without padding."""
        tokens = self._tokenizer(
            texts,
            truncation=True,
            max_length=self._max_length,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        for i, numbers in enumerate(tokens):
            if not numbers:
                raise ValueError(f"text {i} has no token ({texts[i]!r}); leave such texts out")
        return tokens

    def _pooled(self, tokens: list[list[int]]):
        """Rows of one batch, a tensor (m, d)."""
        import torch

        length = max(map(len, tokens))
        numbers = torch.full((len(tokens), length), int(self._tokenizer.pad_token_id), dtype=torch.long)
        mask = torch.zeros((len(tokens), length), dtype=torch.long)
        for i, own in enumerate(tokens):
            numbers[i, : len(own)] = torch.tensor(own)
            mask[i, : len(own)] = 1
        mask = mask.to(self._device)
        # Without segment numbers the network takes all of them to be of the first segment.
        states = self._model(
            input_ids=numbers.to(self._device), attention_mask=mask, return_dict=True
        ).last_hidden_state
        if self._pooling == "cls":
            return states[:, 0]
        weights = mask[:, :, None].to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1)

    def _check_length(self) -> None:
        least = self._tokenizer.num_special_tokens_to_add() + 1
        most = min(self._tokenizer.model_max_length, _positions(self._model))
        if not least <= self._max_length <= most:
            raise ValueError(
                f"max_length must be between {least} and {most} for this model, got {self._max_length}"
            )


def _check_words(words) -> list[str]:
    if isinstance(words, (str, bytes)):
        raise TypeError(f"words must be a sequence of strings, got one {type(words).__name__}")
    words = list(words)
    seen: dict[str, int] = {}
    for i, word in enumerate(words):
        if not isinstance(word, str):
            hint = '; decode them, word.decode("utf-8")' if isinstance(word, bytes) else ""
            raise TypeError(f"words[{i}] must be a str, got {word!r}{hint}")
        if word in seen:
            raise ValueError(
                f"words must not repeat, got {word!r} at {seen[word]} and {i}; keep one vector of each word"
            )
        seen[word] = i
    if not any(tokenize(word) == [word] for word in words):
        raise ValueError(
            f"words must hold some that tokenize() can find in a text, got none among {len(words)}; it gives "
            "words in lower case and without spaces"
        )
    return [str(word) for word in words]


def _check_flag(value, name: str) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def _finished(rows: np.ndarray, normalize: bool) -> np.ndarray:
    """Return the rows as float32, each divided by its own norm if asked for: no row looks at another one."""
    if normalize:
        rows = rows.astype(np.float64)
        norms = np.sqrt((rows * rows).sum(axis=1))[:, None]
        rows = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0.0)
    return rows.astype(np.float32, copy=False)


def _unit(normalize: bool) -> str:
    return ", each row divided by its norm" if normalize else ""


def _import_backends() -> None:
    """Import torch and transformers, or say which extra brings them."""
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"TransformerEncoder needs torch and transformers ({error}); install them with "
            "pip install 'knn-cert[text]', or use WordVectorEncoder, which needs neither"
        ) from error


def _check_folder(path) -> Path:
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


def _load(folder: Path, device: str):
    """Return tokenizer and model, fixed and ready to be asked, after a look at whether they fit."""
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
            raise ValueError(
                f"{folder}: expected a model and its tokenizer as save_pretrained() writes them, got files "
                f"that cannot be loaded ({reason}); save or copy them again"
            ) from error
    # It comes after the states that are used here, and many saved models have none.
    if hasattr(model, "pooler"):
        model.pooler = None
    missing = sorted(name for name in found["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise ValueError(
            f"{folder}: expected weights for all of {type(model).__name__}, got none for {len(missing)} of "
            f"its parameters, {missing[0]} first; configuration and weights are not of the same model"
        )
    if model.config.is_encoder_decoder or not hasattr(model.config, "hidden_size"):
        raise ValueError(
            f"{folder}: expected an encoder such as BERT, got {type(model).__name__}; give the folder of an "
            "encoder"
        )
    if tokenizer.pad_token_id is None:
        raise ValueError(f"{folder}: expected a tokenizer with a token for padding, got one without")
    highest = max(tokenizer.get_vocab().values())
    if highest >= model.get_input_embeddings().num_embeddings:
        raise ValueError(
            f"{folder}: expected tokens with numbers below {model.get_input_embeddings().num_embeddings}, of "
            f"which the model has vectors, got {highest} in the vocabulary; the tokenizer is not that of the "
            "model"
        )
    return tokenizer, model.float().requires_grad_(False).eval().to(device)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Within: no progress bars and no reports of transformers; what matters of them is raised here."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _positions(model) -> float:
    """How many tokens the model has positions for."""
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    # RoBERTa and its kin number them from behind that of the padding.
    start = 0 if getattr(table, "padding_idx", None) is None else table.padding_idx + 1
    return getattr(model.config, "max_position_embeddings", np.inf) - start
