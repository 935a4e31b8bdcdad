"""From syntax trees to a checked spec: names, kinds, arguments, graphs."""
