"""What shows that a task's checks are strong: mutants of its reference delivery, and the record of the whole proof."""
