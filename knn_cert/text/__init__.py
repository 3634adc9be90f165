"""Smoothed classifiers of texts, with certificates that hold."""
