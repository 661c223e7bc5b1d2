"""The national directory (annuaire) as it comes in: the daily extraction of every mailbox of the trust space.

A file is `source` (bytes), `reading` (lines), `mailbox` (the neutral model, which says nothing of files); `digest` is
what is remembered of it, an address and a fingerprint each; `examination` says what is wrong with it, and `churn` what
it would change in what is held, and whether a person should look first.

Entries are personal data: messages of this room name lines by their numbers, and count.
"""
