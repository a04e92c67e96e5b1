"""Inputs that nobody would write, by the hundred thousand: `make fuzz`. What was found is kept in `tests/corpus/`."""
