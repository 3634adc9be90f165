"""Who certifies most at which accuracy: K-NN with and without noise, radius neighbours, and their rivals."""
