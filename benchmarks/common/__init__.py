"""What all studies need: command line, report, data or their stand-ins, one process for one measurement."""
