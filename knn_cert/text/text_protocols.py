"""What users hand over to ensembles of texts: trainers and the models that they return; encoders.

Everything beyond the first protocol of each kind is optional. `knn_cert.montecarlo.protocols` has what any
trainer or model may have besides: `DescribedTrainer`, `FingerprintedModel`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from numpy.typing import ArrayLike, NDArray

from .corpus import Corpus

__all__ = [
    "CorpusEncoder",
    "CorpusModel",
    "CorpusTrainer",
    "SentenceEncoder",
    "TextModel",
    "TextPredictor",
    "TextTrainer",
]


class TextModel(Protocol):
    """A model of texts. Its answer to a query is a function of the model and of that query alone."""

    def predict(self, texts: list[str], /) -> ArrayLike:
        """Return labels of shape (m,), or probabilities of shape (m, C), columns in the order of labels."""


TextPredictor: TypeAlias = TextModel | Callable[[list[str]], ArrayLike]
"""A model of texts, or the function by which it predicts."""


class CorpusModel(Protocol):
    """A model that takes numbered tokens, and is then asked by these."""

    def predict_corpus(self, corpus: Corpus, /) -> ArrayLike:
        """Return what ``predict`` would say of these texts."""


class TextTrainer(Protocol):
    """Trains one model. The model is a function of the three arguments, and a new object each time."""

    def __call__(self, texts: list[str], labels: NDArray[Any], seed: int, /) -> TextPredictor | CorpusModel:
        """Return a model trained on noised texts, tokens separated by spaces, some of them maybe empty."""


class CorpusTrainer(TextTrainer, Protocol):
    """A trainer that takes numbered tokens, and is then given these."""

    def train_corpus(self, corpus: Corpus, labels: NDArray[Any], seed: int, /) -> TextPredictor | CorpusModel:
        """Return the model that these texts give, of the tokens that the noise left."""


class SentenceEncoder(Protocol):
    """An encoder that is fixed beforehand, independently of the training texts."""

    def encode(self, texts: list[str], /) -> ArrayLike:
        """Return a row for each text, shape (n, d)."""


class CorpusEncoder(SentenceEncoder, Protocol):
    """An encoder that takes numbered tokens, and is then given these."""

    def encode_corpus(self, corpus: Corpus, /) -> ArrayLike:
        """Return a row for each text, shape (n, d)."""
