[
  (cell_declaration)
  (network_declaration)
  (settings)
  (ops_declaration)
  (match)
] @fold
