"""Laws P(. | word) on a synonym network, each a vector of probabilities, and the pairs that certify them.

What is drawn and what is certified are the same numbers: every law is rounded to multiples of 2**-53, the
grid of the uniform doubles that draw from it. Uniform laws are the exception: they are certified as 1/m,
which a draw meets to 2**-53.

Words must be exchanged within the network. Nothing here certifies inserted, deleted or foreign words.
"""

from __future__ import annotations

from .law import SubstitutionLaw, UniformSubstitution
from .zoo import (
    beta_cdf,
    beta_race,
    cluster_shared,
    crowd_paper,
    crowd_released,
    floored,
    similarity_power,
    similarity_softmax,
)

__all__ = [
    "SubstitutionLaw",
    "UniformSubstitution",
    "beta_cdf",
    "beta_race",
    "cluster_shared",
    "crowd_paper",
    "crowd_released",
    "floored",
    "similarity_power",
    "similarity_softmax",
]
