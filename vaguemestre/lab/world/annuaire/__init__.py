"""The nation's directory in a lab: the daily extraction and the FHIR interface, of one register.

Runs on the world host with Python alone, and as a process on loopback in unit tests.
"""
