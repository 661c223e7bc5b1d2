"""Proof for people: what was verified at an establishment, requirement by requirement, as a document that is signed.

The catalogue says what is required and what proves it; the records say what was seen; `standing` brings them together
as values, and pages show them.
"""
