"""Drivers: one client of a model a file, each behind the same protocol."""
