"""Certificates of the trust space: the test authority of the lab and tests."""
