"""`python -m vaguemestre`."""

from vaguemestre.cli import main

main()
