; A later pattern has precedence.

(identifier) @variable
(call function: (identifier) @function.call)

((identifier) @variable.builtin
  (#match? @variable.builtin "^(C|Cin|shape|stride)$"))

((identifier) @function.builtin
  (#match? @function.builtin "^(attention|avg_pool|bn|concat|conv|conv_across|conv_down|dropout|dwconv|embedding|gelu|global_avg_pool|group_norm|hard_sigmoid|hard_swish|highway|identity|image|layer_norm|lerp|linear|locked_dropout|max_pool|mean|mix_bn|noise|none|position_embedding|product|relu|relu6|scan|series|shift|sigmoid|silu|sum|tanh|tokens|vector)$"))

(parameter name: (identifier) @variable.parameter)
(named_argument name: (identifier) @variable.parameter)
(setting name: (identifier) @property)
(entry name: (identifier) @property)
(schedule shape: (identifier) @function.builtin)
(arm value: (identifier) @constant.builtin)

(op_declaration name: (identifier) @function)
(extern_declaration name: (identifier) @function)
(ops_declaration name: (identifier) @function)
(cell_declaration name: (identifier) @type)
(cell_copy name: (identifier) @type)
(cell_copy cell: (identifier) @type)
(network_declaration name: (identifier) @type)

(header) @keyword.directive
"import" @keyword.import

[
  "cell"
  "extern"
  "network"
  "op"
  "ops"
  "search"
  "train"
] @keyword.type

[
  (all)
  "edge"
  "head"
  "input"
  "keep"
  "match"
  "node"
  "output"
  "stage"
  "stem"
  "width"
] @keyword

(boolean) @boolean
(string) @string
(integer) @number
(float) @number.float
(comment) @comment

[
  "|"
  ">"
  "+"
  "-"
  "*"
  "/"
  "="
  "->"
  "=>"
  ".."
] @operator

[
  "("
  ")"
  "["
  "]"
  "{"
  "}"
] @punctuation.bracket

[
  ","
  ":"
] @punctuation.delimiter
