"""Our mailboxes in the nation's directory: what it is to know of each, what it last confirmed, and the way between.

`desired` (from the directory, pure) against `confirmed` (durable) gives `difference` (pure): operations, the urgent
first. A writer brings them to the nation; what becomes of each is written down before and after. Running again after
any failure goes on where it stopped.
"""
