"""What tables cost that do not fit, and runs that take long: on one machine and on many."""
