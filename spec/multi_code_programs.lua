-- Programs in every language that a release of Debian has, for multi_code_languages_spec.lua:
--   hello   prints (or reports) what `says` has, default "hi"
--   input   prints "got " and the first line of its standard input
--   broken  does not compile, or, where nothing is compiled, does not parse; the message has
--           `complaint`
--   crash   ends with an exit code other than 0
--   endless never ends
--   many    code and files: prints "from lib" by means of another file
-- build: the language has one, so that a broken program fails there.

local function java(body)
  return "public class Hello {\n  public static void main(String[] args) throws Exception {\n"
    .. body .. "\n  }\n}\n"
end
local function junit(body)
  return "import org.junit.Test;\nimport static org.junit.Assert.*;\npublic class HelloTest {\n"
    .. "  @Test public void works() throws Exception {\n" .. body .. "\n  }\n}\n"
end
local function go(imports, body)
  return ("package main\n%s\nfunc main() {\n%s\n}\n"):format(imports, body)
end
local function go_test(imports, body)
  return ("package main\nimport (%s; \"testing\")\nfunc TestIt(t *testing.T) {\n%s\n}\n"):format(
    imports, body)
end
local function csharp(body)
  return "using System; class P { static void Main() { " .. body .. " } }\n"
end
local function scala(body)
  return "object Hello {\n  def main(args: Array[String]): Unit = {\n" .. body .. "\n  }\n}\n"
end
local function verilog(body)
  return "module main;\n" .. body .. "\nendmodule\n"
end
local scanner = "java.util.Scanner in = new java.util.Scanner(System.in);"
  .. ' System.out.println("got " + in.nextLine());'

return {
  julia = {
    hello = "println(\"hi\")", input = "println(\"got \", readline())",
    broken = "println(\"hi\"", complaint = "main.jl:1", crash = "exit(3)",
    endless = "while true end",
    many = { "include(\"sub/lib.jl\")", { ["sub/lib.jl"] = "println(\"from lib\")" } },
  },
  swift = {
    build = true,
    hello = "print(\"hi\")", input = "print(\"got\", readLine() ?? \"\")",
    broken = "print(x)", complaint = "main.swift:1", crash = "import Glibc\nexit(3)",
    endless = "while true {}",
    many = { "say()", { ["lib.swift"] = "func say() { print(\"from lib\") }" } },
  },
  python = {
    hello = "print('hi')", input = "print('got', input())", broken = "print('hi'",
    complaint = "SyntaxError", crash = "raise SystemExit(3)", endless = "while True: pass",
    many = { "import sub.lib", { ["sub/lib.py"] = "print('from lib')" } },
  },
  pytest = {
    hello = "def test_a():\n  assert 1 + 1 == 2\n", says = "1 passed",
    input = "def test_a():\n  print('got', input())\n", input_args = { "-s" },
    broken = "def test_a(:\n", complaint = "SyntaxError",
    crash = "def test_a():\n  assert 1 + 1 == 3\n", endless = "def test_a():\n  while True: pass\n",
    many = { "import lib\ndef test_a():\n  print(lib.text)\n  assert 0\n",
      { ["lib.py"] = "text = 'from lib'\n" }, fails = true },
  },
  cpp = {
    build = true,
    hello = "#include <iostream>\nint main() { std::cout << \"hi\\n\"; }",
    input = "#include <iostream>\n#include <string>\nint main() { std::string s;"
      .. " std::getline(std::cin, s); std::cout << \"got \" << s << \"\\n\"; }",
    broken = "int main() { return x; }", complaint = "main.cpp:1",
    crash = "int main() { return 3; }",
    endless = "int main() { for (volatile int i = 0;; i++) { } }",
    many = { "#include \"sub/lib.h\"\nint main() { say(); }",
      { ["sub/lib.h"] = "void say();\n",
        ["sub/lib.cpp"] = "#include <cstdio>\nvoid say() { puts(\"from lib\"); }\n" } },
  },
  c = {
    build = true,
    hello = "#include <stdio.h>\nint main(void) { puts(\"hi\"); }",
    input = "#include <stdio.h>\nint main(void) { char s[99]; fgets(s, 99, stdin);"
      .. " printf(\"got %s\", s); }",
    broken = "int main(void) { return x; }", complaint = "main.c:1",
    crash = "#include <stdlib.h>\nint main(void) { abort(); }",
    endless = "int main(void) { for (volatile int i = 0;; i++) { } }",
    many = { "#include \"sub/lib.h\"\nint main(void) { say(); }",
      { ["sub/lib.h"] = "void say(void);\n",
        ["sub/lib.c"] = "#include <stdio.h>\nvoid say(void) { puts(\"from lib\"); }\n" } },
  },
  csharp = {
    build = true,
    hello = csharp('Console.WriteLine("hi");'),
    input = csharp('Console.WriteLine("got " + Console.ReadLine());'),
    broken = csharp("x = 5;"), complaint = "main.cs(1",
    crash = csharp('throw new Exception("no");'),
    endless = csharp("while (true) { }"),
    many = { csharp("Lib.Say();"), { ["sub/lib.cs"] =
      'public class Lib { public static void Say() { System.Console.WriteLine("from lib"); } }' } },
  },
  go = {
    build = true,
    hello = go('import "fmt"', 'fmt.Println("hi")'),
    input = go('import ("bufio"; "fmt"; "os")',
      's := bufio.NewScanner(os.Stdin); s.Scan(); fmt.Println("got", s.Text())'),
    broken = go("", "x = 5"), complaint = "main.go:4", crash = go("", 'panic("no")'),
    endless = go("", "for { }"),
    many = { go('import "example/sub"', "sub.Say()"), { ["sub/lib.go"] =
      'package sub\nimport "fmt"\nfunc Say() { fmt.Println("from lib") }\n' } },
  },
  go_test = {
    build = true,
    hello = go_test('"fmt"', 'fmt.Println("hi")'),
    input = go_test('"bufio"; "fmt"; "os"',
      's := bufio.NewScanner(os.Stdin); s.Scan(); fmt.Println("got", s.Text())'),
    broken = go_test('"fmt"', "x = 5"), complaint = "main_test.go:4",
    crash = go_test('"fmt"', 'fmt.Println("x"); t.Fatal("no")'),
    endless = go_test('"fmt"', 'fmt.Println("x"); for { }'),
    many = { go_test('"fmt"', "fmt.Println(text)"), { ["lib.go"] =
      'package main\nconst text = "from lib"\nfunc main() {}\n' } },
  },
  java = {
    build = true,
    hello = java('System.out.println("hi");'), input = java(scanner),
    broken = java("int x = y;"), complaint = "Hello.java:3",
    crash = java('throw new Exception("no");'),
    endless = java("while (true) { }"),
    many = { "package a;\n" .. java("a.b.Lib.say();"), { ["a/b/Lib.java"] = "package a.b;\npublic"
      .. ' class Lib { public static void say() { System.out.println("from lib"); } }' } },
  },
  junit = {
    build = true,
    hello = junit("assertEquals(2, 1 + 1);"), says = "OK (1 test)", input = junit(scanner),
    broken = junit("int x = y;"), complaint = "HelloTest.java:5",
    crash = junit("assertEquals(3, 1 + 1);"),
    endless = junit("while (true) { }"),
    many = { junit("Lib.say();"), { ["Lib.java"] =
      'public class Lib { public static void say() { System.out.println("from lib"); } }' } },
  },
  nodejs = {
    hello = "console.log('hi')",
    input = "console.log('got', require('fs').readFileSync(0, 'utf8').split('\\n')[0])",
    broken = "console.log('hi'", complaint = "SyntaxError", crash = "throw new Error('no')",
    endless = "for (;;) { }",
    many = { "require('./sub/lib.js')", { ["sub/lib.js"] = "console.log('from lib')" } },
  },
  ts = {
    build = true,
    hello = "const text: string = 'hi'; console.log(text);",
    input = "import * as fs from 'fs';\n"
      .. "console.log('got', fs.readFileSync(0, 'utf8').split('\\n')[0]);",
    broken = "const x: number = 'hi';", complaint = "main.ts(1,7)",
    crash = "throw new Error('no');",
    endless = "for (;;) { }",
    many = { "import { text } from './sub/lib'; console.log(text);",
      { ["sub/lib.ts"] = "export const text: string = 'from lib';" } },
  },
  jest = {
    hello = "test('a', () => { expect(1 + 1).toBe(2); });", says = "1 passed",
    input = "test('a', () => { process.stdout.write('got '"
      .. " + require('fs').readFileSync(0, 'utf8').split('\\n')[0] + '\\n'); });",
    broken = "test('a', () => {", complaint = "main.test.js",
    crash = "test('a', () => { expect(1 + 1).toBe(3); });",
    endless = "test('a', () => { for (;;) { } });",
    many = { "const text = require('./sub/lib.js');\n"
      .. "test(text, () => { expect(1).toBe(1); });",
      { ["sub/lib.js"] = "module.exports = 'from lib';" } },
  },
  rust = {
    build = true,
    hello = "fn main() { println!(\"hi\"); }",
    input = "fn main() { let mut s = String::new(); std::io::stdin().read_line(&mut s).unwrap();"
      .. " print!(\"got {}\", s); }",
    broken = "fn main() { x }", complaint = "main.rs:1", crash = "fn main() { panic!(\"no\"); }",
    endless = "fn main() { loop { std::hint::spin_loop(); } }",
    many = { "mod lib2;\nfn main() { lib2::say(); }",
      { ["lib2.rs"] = "pub fn say() { println!(\"from lib\"); }" } },
  },
  php = {
    hello = "<?php echo \"hi\\n\";", input = "<?php echo 'got ', fgets(STDIN);",
    broken = "<?php echo (;", complaint = "syntax error", crash = "<?php exit(3);",
    endless = "<?php while (true) { }",
    many = { "<?php require 'sub/lib.php';", { ["sub/lib.php"] = "<?php echo \"from lib\\n\";" } },
  },
  bash = {
    hello = "echo hi", input = "read -r x; echo \"got $x\"", broken = "if",
    complaint = "syntax error",
    crash = "exit 3", endless = "while :; do :; done",
    many = { ". sub/lib.sh", { ["sub/lib.sh"] = "echo from lib" } },
  },
  lua = {
    hello = "print 'hi'", input = "print('got ' .. io.read())", broken = "print(",
    complaint = "main.lua:1", crash = "error 'no'", endless = "while true do end",
    many = { "require 'sub.lib'", { ["sub/lib.lua"] = "print 'from lib'" } },
  },
  r = {
    hello = "cat('hi\\n')", input = "cat('got', readLines(file('stdin'), 1), '\\n')",
    broken = "cat(",
    complaint = "unexpected end of input", crash = "stop('no')", endless = "while (TRUE) { }",
    many = { "source('sub/lib.R')", { ["sub/lib.R"] = "cat('from lib\\n')" } },
  },
  perl = {
    hello = "print \"hi\\n\";", input = "print 'got ', scalar <STDIN>;", broken = "print (",
    complaint = "syntax error", crash = "exit 3;", endless = "1 while 1;",
    many = { "use Lib; Lib::say();", { ["Lib.pm"] =
      "package Lib; sub say { print \"from lib\\n\" } 1;" } },
  },
  d_ut = {
    build = true,
    hello = "unittest { assert(1 + 1 == 2); }", says = "passed",
    input = "import std.stdio;\nunittest { write(\"got \", readln()); }",
    broken = "void main() { x = 5; }", complaint = "main.d(1)",
    crash = "unittest { assert(1 + 1 == 3); }",
    endless = "unittest { for (;;) { } }",
    many = { "import lib;\nunittest { say(); }", { ["lib.d"] = "module lib;\nimport std.stdio;\n"
      .. "void say() { writeln(\"from lib\"); }" } },
  },
  ruby = {
    hello = "puts 'hi'", input = "puts 'got ' + STDIN.gets", broken = "puts (",
    complaint = "main.rb:1",
    crash = "raise 'no'", endless = "loop { }",
    many = { "require 'sub/lib'", { ["sub/lib.rb"] = "puts 'from lib'" } },
  },
  scala = {
    build = true,
    hello = scala('println("hi")'), input = scala('println("got " + scala.io.StdIn.readLine())'),
    broken = scala("x = 5"), complaint = "main.scala:3", crash = scala('throw new Exception("no")'),
    endless = scala("while (true) { }"),
    many = { scala("Lib.say()"), { ["sub/Lib.scala"] =
      'object Lib { def say(): Unit = println("from lib") }' } },
  },
  kotlin_script = {
    hello = 'println("hi")', input = 'println("got " + readLine())', broken = "println(x)",
    complaint = "main.kts:1", crash = 'throw Exception("no")', endless = "while (true) { }",
    many = { 'println(java.io.File("sub/lib.txt").readText())', { ["sub/lib.txt"] = "from lib" } },
  },
  verilog = {
    build = true,
    hello = verilog('initial $display("hi");'),
    input = verilog("reg [8*99:1] s; integer n;\ninitial begin n = $fgets(s, 32'h8000_0000);"
      .. ' $write("got %0s", s); end'),
    broken = verilog("initial x = 5;"), complaint = "main.v:2",
    crash = verilog("initial $fatal(1);"), endless = verilog("initial forever #1;"),
    many = { verilog("lib l();"), { ["sub/lib.v"] =
      'module lib; initial $display("from lib"); endmodule\n' } },
  },
  racket = {
    build = true,
    hello = "#lang racket/base\n(displayln \"hi\")",
    input = "#lang racket/base\n(printf \"got ~a\\n\" (read-line))",
    broken = "#lang racket/base\n(displayln x)", complaint = "main.rkt:2",
    crash = "#lang racket/base\n(exit 3)", endless = "#lang racket/base\n(let loop () (loop))",
    many = { "#lang racket/base\n(require \"sub/lib.rkt\")", { ["sub/lib.rkt"] =
      "#lang racket/base\n(displayln \"from lib\")" } },
  },
  sqlite = {
    hello = "select 'hi';",
    input = "create table t (x);\n.import /dev/stdin t\nselect 'got ' || x from t limit 1;",
    broken = "selec 1;", complaint = "syntax error", crash = "select * from nowhere;",
    endless = "with recursive n(x) as (select 1 union all select x + 1 from n)"
      .. " select count(*) from n;",
    many = { ".read sub/lib.sql", { ["sub/lib.sql"] = "select 'from lib';" } },
  },
}
