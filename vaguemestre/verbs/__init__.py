"""The verbs of hosts asked from the controller: what each does is decided on the host, where the data are."""
