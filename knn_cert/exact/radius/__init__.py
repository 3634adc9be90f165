"""The radius classifier: all rows within a fixed radius vote."""
