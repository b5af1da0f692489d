"""Modules that deliveries of reference players carry: read as text and written into an app, never imported here."""
