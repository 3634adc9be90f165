"""Is the exact engine right? Accuracy, sums, agreement of the backends, memory, and then times."""
