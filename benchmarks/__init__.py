"""Studies that print figures: each asserts that the answers are right before it times anything."""
