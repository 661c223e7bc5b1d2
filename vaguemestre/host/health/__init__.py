"""How a host is, beside whether it is what its release says: asked in the same round trip as drift.

It travels with the activator (`vaguemestre.engines.wire`), so it fits every host that was ever made by the kit,
whichever kit that was. Nothing is written, no daemon is asked; what cannot be known is said, and hides nothing else.
"""
