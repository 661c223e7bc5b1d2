"""A read replica of the directory: whether it follows its provider, and what becomes of it when it does not.

`standing` decides and is pure; `sighting` asks both slapds; `slapd` changes this host's; `main` is the host's verb.
"""
