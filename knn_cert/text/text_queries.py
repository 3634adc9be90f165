"""What models of texts are asked, with noise or without, and the labels that they give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..montecarlo.models import class_positions, predict_of
from ..montecarlo.protocols import having
from ..montecarlo.seeds import ModelSeed
from .corpus import Corpus
from .sampling import Sampler
from .text_protocols import CorpusModel

__all__ = ["TextQueries", "labels_of"]


@dataclass(frozen=True)
class TextQueries:
    """Queries as models of texts are asked them.

    Attributes
    ----------
    corpus : Corpus
    texts : list of str, optional
        The same as text, where all models see the same.
    sampler : Sampler, optional
        What noises the queries of each model.
    """

    corpus: Corpus
    texts: list[str] | None = None
    sampler: Sampler | None = None

    def __len__(self) -> int:
        return len(self.corpus)

    def seen_by(self, seed: ModelSeed) -> Corpus:
        """Return the queries as the model with this seed sees them."""
        if self.sampler is None:
            return self.corpus
        return self.sampler.queries(self.corpus, seed.query_generator())


def labels_of(
    model: object, corpus: Corpus, texts: list[str] | None, classes: NDArray[Any]
) -> NDArray[np.int64]:
    """Return positions of the labels that a model gives; ``texts`` are those of the corpus, if known."""
    by_numbers: CorpusModel | None = having(model, "predict_corpus")
    if by_numbers is not None:
        answer = by_numbers.predict_corpus(corpus)
    else:
        answer = predict_of(model)(corpus.texts() if texts is None else list(texts))
    return class_positions(answer, len(corpus), classes)
