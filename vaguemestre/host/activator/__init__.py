"""The activator's rooms. `vaguemestre.host.activate` is the way in, and says by which rules it works."""
