"""The training of a decided network from scratch, and its evaluation."""
