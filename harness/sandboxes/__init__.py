"""Sandboxes: one runner inside, one protocol outside, a module for each way to isolate."""
