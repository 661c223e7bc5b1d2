"""What a host must be, one module a role, each a pure function from a `Context` to the items it answers for.

A role module has `NEEDS`, the roles that must stand on the same host, and `items(context)`. It imports no engine and
does no I/O. Its templates are in ``templates/<role>/``, named by their path on the host.
"""
