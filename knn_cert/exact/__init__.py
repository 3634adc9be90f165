"""The exact engine: probabilities, certificates and attacks of the smoothed K-NN classifier."""
