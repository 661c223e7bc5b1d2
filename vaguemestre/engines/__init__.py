"""The two doors to a host: pyinfra for one or a few, Ansible for the fleet; behind both, the same activator."""
