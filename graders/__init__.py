"""Graders: evidence in, Grade out. A change here changes a number, never an agent's experience."""
