"""The notice board of Rivemont: who wants to hear from the town, and in which language."""
