"""Measures whether a coding agent's delivery could be accepted by the orchestrator that asked for it."""
