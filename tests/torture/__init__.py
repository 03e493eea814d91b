"""Faults made on purpose: each module tries one kind, short in the default suite and long in `make torture`."""
