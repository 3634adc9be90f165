"""Certificates that others have published, as the rivals of this package's: each at its best, and checked."""
