"""What dartsl does, from Python; the command line calls it too."""
