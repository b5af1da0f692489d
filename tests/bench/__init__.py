"""Figures of the verdict path: how much it costs over its bare floor, and whether its answers ever change."""
