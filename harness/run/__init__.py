"""The stages of a run: plan, pool, solve, collect, grade. The store joins them."""
