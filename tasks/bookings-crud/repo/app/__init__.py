"""Salle: rooms of our offices, and who may sit in them when."""
