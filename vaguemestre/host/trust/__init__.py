"""The trust space on an operator's host: who may write to whom, proven by certificate, and why not.

Pure rooms: `reasons`, `values`, `dn`, `domains`, `whitelist`, `churn`, `certificate`, `revocation`, `ocsp`, `decide`,
`alarms`. Effects: `store` and `refresh` (what is known, and how it is renewed), `daemon` with its faces and `probe`,
`admin` (the host's verb ``trust``).
"""
