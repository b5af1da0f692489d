"""One file per rule: its name is the rule's id in lower case, and it carries the examples that prove it."""
