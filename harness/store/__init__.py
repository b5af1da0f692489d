"""The only place where stages meet: a run's folder, its journal, and the sealed evidence of each attempt."""
