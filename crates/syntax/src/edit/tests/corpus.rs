//! Texts that show the different notations of each format.

use crate::document::Format;

pub(super) const TEXTS: &[(Format, &str)] = &[
    (Format::Yaml, "a: 1\n"),
    (Format::Yaml, "a: 1"),
    (Format::Yaml, "\u{feff}a: 1\nb: two # c\n"),
    (
        Format::Yaml,
        "\u{feff}# first\na: 1\r\nb:\r\n  - x # one\r\n  - y\r\n",
    ),
    (
        Format::Yaml,
        "# head\n\n# about a\na: 1 # one\n# about b\nb:\n  # about c\n  c: 'x' # cx\n\n  # about d\n  d: \"y\"\n  # tail of b\n# tail\n",
    ),
    (
        Format::Yaml,
        "list:\n- a\n- b: 1\n  c: 2\n-\n  d: 3\n- - x\n  - y\n- -\n  - z\n- [1, 2]\n- {a: 1}\n-\n- ~\nafter: yes\n",
    ),
    (
        Format::Yaml,
        "list:\n    -   a\n    -   b: 1 # one\n        # about c\n        c: 2\n    # before d\n    -   d\nmap:\n    x:\n        y: 1\n",
    ),
    (
        Format::Yaml,
        "a: |\n  text\n  more\n\n\nb: >-\n  folded\n  text\n\n# c\nc: |+\n  kept\n\n\nd: |2-\n    deep\n  less\ne: |- # header\n  x\nf: |\n\ng: \"\"\nh: |\n  last",
    ),
    (
        Format::Yaml,
        "a: {x: 1, y: [a, b, ], \"z\": 'q', w, v: }\nb: [\n  one, # first\n  # two is next\n  two,\n  {k: v}\n]\nc: { }\nd: [ ]\ne: {}\nf: []\ng: [\n]\nh: { a: 1 }\ni: [a: 1, b]\nj: {\n  a: 1,\n  b: 2 }\n",
    ),
    (
        Format::Yaml,
        "base: &base\n  x: 1\n  y: &y 2\nuse:\n  <<: *base\n  z: 3\nagain: *base\nmany:\n  <<: [*base, {q: 1}]\nlist: &l\n- *y\n- &e\n- &f # c\n  z: 1\ntag: !custom 5\nstr: !!str 5\nint: !!int \"5\"\nmap: !m\n  a: 1\nseq: !s\n- 1\n",
    ),
    (
        Format::Yaml,
        "%YAML 1.2\n---\na: 1\n...\n# between\n---\n# only a comment\n---\n- 1\n- 2\n--- # note\nb:\n  c: 3\n---\ntext\n--- |\n  block\n  text\n...\n",
    ),
    (
        Format::Yaml,
        "? complex\n: value\n? [a, b]\n: x\n\"quoted key\": 1\n'single': 2\nplain key: 3\n? nested\n:\n  a: 1\n  b: 2\nc: d\n",
    ),
    (Format::Yaml, "dup: 1\nother: 2\ndup: 3\n"),
    (
        Format::Yaml,
        "a:\n  b: plain\n    over lines\n  c: \"double\n    over lines\"\n  d: 'single\n\n    over'\n  e:\n    next line\n  f: # c\n    text\n  g:\n    - 1\n",
    ),
    (Format::Yaml, "- a\n- b\n"),
    (
        Format::Yaml,
        "- name: x\n  value: 1\n\n- name: y\n  # about value\n  value: 2\n\n\n# tail\n",
    ),
    (Format::Yaml, "-   name: x\n    nested:\n    -   a\n    -   b\n"),
    (Format::Yaml, "just text\n"),
    (Format::Yaml, "\"quoted\" # c\n"),
    (Format::Yaml, "[a, b]"),
    (Format::Yaml, "{\"a\": 1, \"b\":2,\"c\":[]}\n"),
    (
        Format::Yaml,
        "---\n{\n  \"a\": {\n    \"b\": 1\n  },\n  \"c\": [\n    1,\n    2\n  ]\n}\n",
    ),
    (Format::Yaml, "a:\t1\nb:\t\"x\"\t# tab\n"),
    (
        Format::Yaml,
        "key with é: ünïcode\nemoji: \"\u{1f600}\"\n'': empty\n",
    ),
    (
        Format::Yaml,
        "a:\n  b:\n\n    c: 1\n\n    # deep\n\n  # less\n\n# none\nz: 1\n",
    ),
    (
        Format::Yaml,
        "a:\n    - b: |\n          text\n      c: 1\n    - d: >\n        x\n      # after\n",
    ),
    (
        Format::Yaml,
        "cmd: >-\n  a\n  b\nscript: |\n  #!/bin/sh\n  # not a comment\n  echo 'x: y'\nz: '#'\n",
    ),
    (Format::Json, "{}"),
    (Format::Json, "[]\n"),
    (Format::Json, "{\"a\":1,\"b\":[1,2,{\"c\":null}]}"),
    (
        Format::Json,
        "{\n  \"a\": 1,\n  \"b\": [\n    true,\n    \"x\\u00e9\\n\"\n  ],\n  \"c\": {},\n  \"d\": { \"e\": [ ], \"f\": [1, 2] }\n}\n",
    ),
    (
        Format::Json,
        "// head\n{\r\n\t\"a\": 1, // one\r\n\t/* two */ \"b\": 2,\r\n\t\"c\": [\r\n\t\t1, /* x */\r\n\t\t2 // last\r\n\t],\r\n}\r\n",
    ),
    (Format::Json, "{\"a\": 1}\n{\"a\": 2}\n[3]\n4"),
    (Format::Json, "{\"a\": 1, \"a\": 2}"),
    (
        Format::Json,
        "\u{feff}{ \"a\" : \"\\ud83d\\ude00\" , \"b\" : -1.5e3 }",
    ),
    (
        Format::Hcl,
        "# head\nvariable \"a\" {\n  type    = string # t\n  default = \"x\"\n}\n\nresource \"r\" \"one\" {\n  count = 2\n  tags = {\n    a = 1\n    \"b c\" = var.x, // y\n  }\n  list = [\n    1, # one\n    2,\n  ]\n  ingress {\n    from = 1\n  }\n  ingress {\n    from = 2\n  }\n  empty {}\n  also {\n  }\n  line { a = 1 }\n  text = <<-EOT\n    # no comment\n    ${var.y}\n  EOT\n  sum = 1 + 2\n}\n\nresource \"r\" \"two\" {}\nlocals {\n  neg = -1\n  n = null\n  t = \"a${b}c\"\n  e = \"$${x} \\\"q\\\"\"\n  o = { a = 1, b = 2 }\n  l = [1, 2]\n  m = []\n  p = {}\n}\n/* end */\n",
    ),
    (Format::Hcl, "a = 1\r\nb = \"x\"\r\nc = {\r\n  d = 1\r\n}\r\n"),
    (Format::Hcl, "a = 1"),
    (Format::Hcl, ""),
    (Format::Hcl, "\u{feff}a = 1\nb \"x\" \"y\" {\n\tc = 2\n}\n"),
    (
        Format::Toml,
        "# head\ntitle = \"x\" # t\nn = 1_000\nf = 0.5\nd = 1979-05-27T07:32:00Z\nlist = [1, 2, 3]\nmulti = [\n  \"a\", # one\n  \"b\",\n]\ninline = { a = 1, b.c = 2 }\ndotted.a = 1\ndotted.b = 'lit'\ntext = \"\"\"\nline # no\n\"\"\"\n\n[table]\nx = true\n\"quoted key\" = 1\n\n[table.sub] # s\ny = 2\n\n[[arr]]\nname = \"one\"\n[[arr]]\nname = \"two\"\n[arr.sub]\nz = 1\n\n[late.deep]\n# nothing\n",
    ),
    (Format::Toml, "[a.b]\nc = 1\n[a]\nd = 2\n"),
    (Format::Toml, "a = 1"),
    (Format::Toml, ""),
    (Format::Toml, "\u{feff}a = 1\r\n[t]\r\nb = 2\r\n"),
    (
        Format::Properties,
        "# head\n! also\na=1\nb : two\nc three\nd\ne = x\\\n    y \\\n  z\nf\\=g = \\u00e9\\t\n  indented = 1\nempty=\nlast=1",
    ),
    (Format::Properties, "a=1\r\nb=2\r\n"),
    (Format::Properties, ""),
    (Format::Properties, "é=ü\na=1\na=2\n"),
    (
        Format::Ini,
        "; head\ntop = 1\n[databases] ; d\norders = host=db port=5432 ; remark\n* = host=other\n\n[pgbouncer]\npool_mode=transaction\n# about max\nmax = \"10\" # q\nname = 'x'\nempty =\n[Databases]\nmore = 1\n%include x.ini\n[none]\n",
    ),
    (Format::Ini, "[a]\r\nx=1\r\n\r\n[b]\r\ny=2"),
    (Format::Ini, ""),
    (
        Format::Env,
        "# head\nexport A=1\nB=\"two words\" # b\nC='single'\nD=\nE= # nothing\nF=a#b\nG=\"multi\nline # no\"\nH = spaced\nnot a setting\nLAST=$HOME/x",
    ),
    (Format::Env, "A=1\r\nB=2\r\n"),
    (Format::Env, ""),
    (
        Format::Python,
        "# head\nimport os\n\nPOOL = 5  # five\nNAME = 'x'\nneg: int = -1\nboth = \"a\" 'b'\nengine = create_engine(\n    url, # where\n    pool_size=POOL,\n    max_overflow=10,\n)\napp.run(port=80)\nclient = Client(retries=3).get(\"x\", timeout=1.5)\n\nclass Settings(Base):\n    \"\"\"Docs.\"\"\"\n    acks = \"1\"\n    opts = {\"a\": 1, 'b': [1, 2], **more, 3: 4}\n    def f(self, n=1, *a, **k):\n        if n > 2:\n            return g(h(n=2), {})\n        self.x = {}\n        for i in (1, 2):\n            yield f\"{i} x\", r\"raw\\n\", b\"bytes\"\n        with open('f') as f, lock: pass\n        lst = []\n        call()\n",
    ),
    (Format::Python, "a = 1\r\nb = [\r\n    1,\r\n    2\r\n]\r\n"),
    (
        Format::Python,
        "x = f(*args, k=1, **kw)\ny = {1, 2}\nz = (1,)\nw = f(x for x in y)\n",
    ),
];
