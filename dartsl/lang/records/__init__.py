"""What is known of primitives, merges and kinds of input, and of the shapes and widths that they have."""
