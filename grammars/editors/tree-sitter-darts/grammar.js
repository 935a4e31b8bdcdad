/**
 * The .darts language for tree-sitter: the rules of darts_1.lark and darts_2.lark, both versions at once.
 *
 * Where the versions differ, the wider one holds: `output` takes a list, an arm of `match` may start with a name.
 */

/// <reference types="tree-sitter-cli/dsl" />

const commaSep1 = (rule) => seq(rule, repeat(seq(",", rule)));
const trailing = (rule) => optional(seq(commaSep1(rule), optional(",")));
const binary = ($, operator, left, right) =>
  seq(field("left", left), field("operator", operator), field("right", right));

module.exports = grammar({
  name: "darts",

  word: ($) => $.identifier,

  extras: ($) => [/[ \t\r\n]/, $.comment],

  rules: {
    source_file: ($) => seq($.header, repeat($.import), repeat($._declaration)),

    header: (_) => token(seq("darts", /[ \t]+/, /[0-9]+/)),
    import: ($) => seq("import", field("path", $.string)),

    _declaration: ($) =>
      choice(
        $.op_declaration,
        $.extern_declaration,
        $.ops_declaration,
        $.cell_declaration,
        $.cell_copy,
        $.network_declaration,
        $.settings,
      ),

    // ------------------------------------------------------------------ operations

    op_declaration: ($) =>
      seq("op", field("name", $.identifier), optional($.parameters), "=", field("body", $._expression)),
    extern_declaration: ($) => seq("extern", "op", field("name", $.identifier), optional($.parameters)),
    ops_declaration: ($) => seq("ops", field("name", $.identifier), "=", field("body", $._expression)),

    parameters: ($) => seq("(", trailing($.parameter), ")"),
    parameter: ($) => seq(field("name", $.identifier), optional(seq("=", field("default", $._sum)))),

    // ----------------------------------------------------------------------- cells

    cell_declaration: ($) =>
      seq("cell", field("name", $.identifier), optional($.parameters), "{", repeat($._cell_item), "}"),
    cell_copy: ($) => seq("cell", field("name", $.identifier), "=", field("cell", choice($.identifier, $.call))),

    _cell_item: ($) => choice($.input_item, $.node_item, $.edge_item, $.output_item),

    input_item: ($) => seq("input", field("names", $.names), optional(seq(":", field("prepared", $._expression)))),
    node_item: ($) => seq("node", field("names", $.names), ":", field("merge", $._expression), optional($.keep)),
    edge_item: ($) =>
      seq(
        "edge",
        field("sources", choice($.all, $.names)),
        "->",
        field("targets", $.names),
        ":",
        field("operation", $._expression),
      ),
    output_item: ($) => seq("output", commaSep1($._expression)),

    keep: ($) => seq("keep", $.integer),
    all: (_) => "all",
    names: ($) => commaSep1(choice($.identifier, $.range)),

    // --------------------------------------------------------------------- network

    network_declaration: ($) =>
      seq("network", field("name", $.identifier), optional($.parameters), "{", repeat($._network_item), "}"),

    _network_item: ($) => choice($.shape_item, $.stem_item, $.stage_item, $.head_item),

    shape_item: ($) => seq("input", $.call),
    stem_item: ($) => seq("stem", $._expression),
    stage_item: ($) => seq("stage", field("layers", $._expression), "width", field("width", $._sum)),
    head_item: ($) => seq("head", $._expression),

    // -------------------------------------------------------------------- settings

    settings: ($) => seq(field("kind", choice("search", "train")), "{", repeat($.setting), "}"),
    setting: ($) => seq(field("name", $.identifier), "=", field("value", choice($._literal, $.schedule))),
    schedule: ($) => seq(field("shape", $.identifier), "(", commaSep1($._real), optional(","), ")"),
    list: ($) => seq("[", trailing(choice($._literal, $.stage)), "]"),
    stage: ($) => seq("stage", "(", trailing($.entry), ")"),
    entry: ($) => seq(field("name", choice($.identifier, "keep")), "=", field("value", $._real)),

    _real: ($) => choice($._number, $.negative),
    _literal: ($) => choice($._number, $.negative, $.string, $.boolean, $.list),

    // ----------------------------------------------------------------- expressions

    // A bar may lead a choice.
    _expression: ($) => choice(seq(optional("|"), $._chain), $.choice),

    choice: ($) => seq(optional("|"), $._chain, repeat1(seq("|", $._chain))),
    _chain: ($) => choice($.chain, $._sum),
    chain: ($) => seq($._sum, repeat1(seq(">", $._sum))),

    _sum: ($) => choice(alias($.sum, $.binary), $._product),
    sum: ($) => binary($, choice("+", "-"), $._sum, $._product),
    _product: ($) => choice(alias($.product, $.binary), $._atom),
    product: ($) => binary($, choice("*", "/"), $._product, $._atom),

    _atom: ($) =>
      choice(
        $._number,
        $.negative,
        $.string,
        $.boolean,
        $.identifier,
        $.range,
        $.call,
        $.match,
        $.parenthesized,
      ),
    parenthesized: ($) => seq("(", $._expression, ")"),

    call: ($) => seq(field("function", $.identifier), "(", trailing(choice($.named_argument, $._expression)), ")"),
    named_argument: ($) => seq(field("name", $.identifier), "=", field("value", $._expression)),

    match: ($) => seq("match", field("subject", $.identifier), "{", commaSep1($.arm), optional(","), "}"),
    arm: ($) => seq(field("value", choice($.integer, $.identifier)), "=>", field("body", $._expression)),

    range: ($) => seq(field("first", $.identifier), "..", field("last", $.identifier)),
    negative: ($) => seq("-", $._number),
    boolean: (_) => choice("true", "false"),
    string: (_) => /"[^"\r\n]*"/,

    _number: ($) => choice($.integer, $.float),
    integer: (_) => /[0-9]+/,
    float: (_) => /[0-9]+\.[0-9]+([eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+/,
    identifier: (_) => /[A-Za-z_][A-Za-z0-9_]*/,
    comment: (_) => /#[^\n]*/,
  },
});
