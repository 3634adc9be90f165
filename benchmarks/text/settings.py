"""What all studies of texts have in common."""

from __future__ import annotations

# The class of poisoned texts: the choice of OpenBackdoor; CROWD does not name its own.
TARGET = 1
# Poisoned rows at which certified accuracy is given besides the number that really was.
ROWS = (1, 7, 69)
