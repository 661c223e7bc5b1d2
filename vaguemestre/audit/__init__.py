"""The fleet's audit: what each host is, against what the inventory says and what its administrator must know of it.

One round trip a host (`asking`), judged as values (`judge`), kept so that "since when" has an answer (`history`).
"""
