"""The corpora by name: SST-2, HSOL and OLID, each with a training, a dev and a test part."""

from __future__ import annotations

import os

from ..gate.numbers import as_whole_number
from . import _hsol, _olid, _sst2
from ._dataset import TextDataset
from ._files import obtain

__all__ = ["list_corpora", "load_corpus"]

# The files of each corpus, and what makes the corpus of their paths and a seed.
_CORPORA = {
    "sst2": (_sst2.REMOTES, _sst2.load),
    "hsol": (_hsol.REMOTES, _hsol.load),
    "offenseval": (_olid.REMOTES, _olid.load),
}

_SECOND_NAMES = {"sst-2": "sst2", "olid": "offenseval"}


def list_corpora() -> list[str]:
    """Return the names that `load_corpus` knows; ``"sst-2"`` and ``"olid"`` are second names."""
    return list(_CORPORA)


def load_corpus(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
    random_state: int = 0,
) -> TextDataset:
    """Load a corpus of one of the experiments of CROWD, split into training, dev and test texts.

    Files are looked for, plain or gzipped, in the folders ``sst2``, ``hsol`` and ``olid`` of ``data_dir``
    (else of the folder that the environment variable ``KNN_CERT_DATA`` names), then in the cache
    (``KNN_CERT_CACHE``, else ``knn_cert`` in the platform's cache folder), then downloaded into the cache
    from one commit of a public repository, with a pinned sha256.

    Parameters
    ----------
    name : str
        ``"sst2"``: sentences of film reviews, 0 negative, 1 positive; its own parts of 6,920, 872 and 1,821.

        ``"hsol"``: tweets, 1 hate speech or offensive language, 0 neither. All 1,430 hateful tweets, all
        4,163 of the class neither and 5,200 of the 19,190 offensive ones, split into 5,823, 2,485 and 2,485:
        the sizes of CROWD, but not its rows, which it does not name. The seed draws the 5,200.

        ``"offenseval"``: tweets of OLID, level A, 0 not offensive, 1 offensive; 11,916, 1,324 (a tenth of the
        training file) and the official test set of 860. CROWD has 11,915, 1,323 and 859.
    data_dir : path-like, optional
        Folder to look in instead of ``$KNN_CERT_DATA``.
    download : bool
        Whether a file that is nowhere may be downloaded.
    random_state : int
        Seed of what is drawn, and of the stratified, shuffled splits. SST-2 ignores it.

    Returns
    -------
    TextDataset
        HTML entities with a semicolon are turned into their characters in the tweets (``&amp;`` into ``&``);
        nothing else is altered. HSOL and OLID hold offensive and hateful language.

    Raises
    ------
    TypeError
        If the name is no str, or the seed no whole number.
    ValueError
        If the name is unknown, a file is cut off, malformed or not UTF-8, or a download is not the pinned
        file.
    FileNotFoundError, ConnectionError
        If a file is nowhere and may not or cannot be downloaded; the message says what to put where.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, one of {', '.join(_CORPORA)}; got {type(name).__name__}")
    canonical = _SECOND_NAMES.get(name, name)
    if canonical not in _CORPORA:
        raise ValueError(f"unknown corpus {name!r}; expected one of {', '.join(_CORPORA)}")
    seed = as_whole_number(random_state, "random_state", least=0)
    remotes, load = _CORPORA[canonical]
    return load(obtain(remotes, data_dir=data_dir, download=download), seed)
