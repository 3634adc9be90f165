"""K-NN without noise: its vote is certain, and so what tampering does to it is a comparison of distances."""
