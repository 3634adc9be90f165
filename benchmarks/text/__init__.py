"""Texts: what laws of noise certify, and exact K-NN on sentence vectors."""
