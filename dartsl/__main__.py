"""`python -m dartsl`."""

from dartsl.cli import main

main()
