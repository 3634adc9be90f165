"""Ensembles of nets: the tables of RAB about them, and nets beside exact K-NN."""
