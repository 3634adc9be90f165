"""How many of several predictions one attack changes at most: one tampered table serves all queries."""
