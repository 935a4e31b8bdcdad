"""What every long run needs: a folder on disk, atomic files, checkpoints, progress, a clean way to stop."""
