"""What a run says: statistics, tables, single trials. Reads the store, computes each number anew, stores none."""
