"""The tables of CROWD, with certificates that hold beside what its rule counts."""
