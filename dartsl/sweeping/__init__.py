"""Searches, random architectures and their trainings as one experiment, whose plan is stated before it runs."""
