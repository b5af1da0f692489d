"""Stored runs in the forms that other tools read. What an agent wrote is text in all of them."""
