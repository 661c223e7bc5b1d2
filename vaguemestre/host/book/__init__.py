"""The address book: what of the directory is shown, to whom, and how a host proves it before it goes live.

`shown` are the names that role openldap writes its access rules with; `specimens` and `proofs` say on invented entries
of every kind what the rules must allow and deny; `judge` asks slapd's own slapacl(8) whether they do.
"""
