"""What runs on the operator's hosts: standard library and Debian-packaged libraries only."""
