"""The attacks of RAB on smoothed K-NN, beside the figures of the paper."""
