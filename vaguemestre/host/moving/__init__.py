"""Domains that move between this operator's stack and another's: who is in charge of them, and what goes along."""
