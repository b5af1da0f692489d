"""From files that people write to the records that stages use; every mistake is named with its place and its mend."""
