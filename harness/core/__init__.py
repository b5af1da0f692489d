"""Records, errors and protocols that every stage shares; imports nothing else of the harness."""
