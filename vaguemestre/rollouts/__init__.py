"""Rollouts: what was brought where, by whom, how it went; who may begin one, when, and how far it may go."""
