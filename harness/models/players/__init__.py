"""One reference player a file; the file's name is what `reference/<player>` names."""
