"""The documentation as a site of HTML pages: `python -m dartsl.docs`."""
