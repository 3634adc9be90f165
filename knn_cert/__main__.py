"""`python -m knn_cert`: the same program as the `knn-cert` command."""

from __future__ import annotations

import sys

from knn_cert.cli import main

if __name__ == "__main__":
    sys.exit(main())
