#pragma once

#include <string_view>

/// Small programs that have many files parsed by a language's own parser in one process. Each reads
/// NUL-separated paths from standard input and prints a JSON object per line (see
/// `run_script_batch`).
namespace aeo::consolidate::syntax_scripts {

inline constexpr std::string_view python = R"PY(
import ast, gc, json, re, sys, warnings
warnings.simplefilter("ignore")
gc.disable()  # trees have no cycles
RELATIVE = re.compile(rb"\bfrom[\s\\]*\.")
HANDLED = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}

def caught(handler):
    names = handler.type
    if names is None:
        return True
    names = names.elts if isinstance(names, ast.Tuple) else [names]
    return any(getattr(n, "id", getattr(n, "attr", "")) in HANDLED for n in names)

def is_type_checking(test):
    return "TYPE_CHECKING" in (getattr(test, "id", ""), getattr(test, "attr", ""))

def imports(tree):
    found, open_ = [], [(tree, False)]
    while open_:
        node, optional = open_.pop()
        if isinstance(node, ast.ImportFrom) and node.level:
            found.append({"line": node.lineno, "target": "." * node.level + (node.module or ""),
                          "names": [a.name for a in node.names], "optional": optional})
        for field, value in ast.iter_fields(node):
            soft = optional
            if isinstance(node, ast.Try) and field in ("body", "handlers"):
                soft = soft or any(caught(h) for h in node.handlers)
            if isinstance(node, ast.If) and is_type_checking(node.test):
                soft = True
            for child in value if isinstance(value, list) else [value]:
                # No statement is in an expression.
                if isinstance(child, ast.AST) and not isinstance(child, ast.expr):
                    open_.append((child, soft))
    return found

def say(**words):
    print(json.dumps(words))

for index, path in enumerate(sys.stdin.buffer.read().split(b"\0")):
    if not path:
        continue
    try:
        with open(path, "rb") as file:
            text = file.read()
        compile(text, "file", "exec", dont_inherit=True)
        found = imports(ast.parse(text, "file")) if RELATIVE.search(text) else []
        if found:
            say(file=index, imports=found)
    except SyntaxError as error:
        say(file=index, line=error.lineno or 0, error=error.msg or "syntax error")
    except (ValueError, RecursionError, MemoryError, OverflowError, OSError) as error:
        say(file=index, line=0, error=type(error).__name__ + ": " + str(error))
)PY";

inline constexpr std::string_view xml = R"PY(
import json, sys
from xml.parsers import expat
for index, path in enumerate(sys.stdin.buffer.read().split(b"\0")):
    if not path:
        continue
    try:
        with open(path, "rb") as file:
            expat.ParserCreate().ParseFile(file)
    except expat.ExpatError as error:
        print(json.dumps({"file": index, "line": error.lineno,
                          "error": expat.ErrorString(error.code)}))
    except OSError as error:
        print(json.dumps({"file": index, "line": 0, "error": str(error)}))
)PY";

inline constexpr std::string_view node = R"JS(
const fs = require("fs"), path = require("path"), vm = require("vm");
const wrapper = ["exports", "require", "module", "__filename", "__dirname"];
const types = new Map();

function packageType(directory) {
  if (!types.has(directory)) {
    let type = "";
    try {
      type = JSON.parse(fs.readFileSync(path.join(directory, "package.json"), "utf8")).type || "none";
    } catch (error) {
      const parent = path.dirname(directory);
      type = directory === "." || parent === directory ? "none" : packageType(parent);
    }
    types.set(directory, type);
  }
  return types.get(directory);
}

function problem(error) {
  const line = /^[^\n]*?:(\d+)\n/.exec(error.stack || "");
  return { line: line ? Number(line[1]) : 0, error: error.message };
}

function asScript(code) {
  try { vm.compileFunction(code, wrapper, { filename: "file" }); return null; }
  catch (error) { return problem(error); }
}

function asModule(code, seen) {
  try {
    seen.push(...new vm.SourceTextModule(code, { identifier: "file" }).dependencySpecifiers);
    return null;
  } catch (error) { return problem(error); }
}

function lineOf(lines, specifier) {
  return lines.findIndex((l) => l.includes(`"${specifier}"`) || l.includes(`'${specifier}'`)) + 1;
}

function calls(lines) {
  const found = [];
  lines.forEach((text, i) => {
    if (/^\s*(\/\/|\*|\/\*)/.test(text)) return;
    for (const match of text.matchAll(/\b(?:require|import)\(\s*(["'])(\.{1,2}\/[^"']*|\.{1,2})\1\s*\)/g)) {
      const optional = /\btry\s*\{/.test(lines.slice(Math.max(0, i - 3), i + 1).join("\n"));
      found.push({ line: i + 1, target: match[2], names: [], optional });
    }
  });
  return found;
}

function foreign(file, code) {
  if (/@flow\b/.test(code.slice(0, 2000))) return "Flow";
  if (/\{%.*%\}/.test(code)) return "text before a template engine";
  const jsx = /(?:=>|return|[(=,?:])\s*\(?\s*<(?:[A-Za-z][\w.]*|>)/.test(code);
  return file.endsWith(".jsx") || jsx ? "JSX" : "";
}

process.stdin.setEncoding("latin1");
let input = "";
process.stdin.on("data", (text) => { input += text; }).on("end", () => {
  input.split("\0").forEach((raw, index) => {
    if (!raw) return;
    const name = Buffer.from(raw, "latin1");
    let code;
    try { code = fs.readFileSync(name, "utf8"); }
    catch (error) { console.log(JSON.stringify({ file: index, line: 0, error: error.message })); return; }
    code = code.replace(/^\uFEFF/, "").replace(/^#!/, "//");
    const shown = name.toString(), lines = code.split("\n"), seen = [];
    const module = shown.endsWith(".mjs") || (!shown.endsWith(".cjs") && packageType(path.dirname(shown)) === "module");
    let wrong = module ? asModule(code, seen) : asScript(code);
    if (wrong && !module && !shown.endsWith(".cjs")) {
      const second = asModule(code, seen);
      wrong = second && /^\s*(import|export)\b/m.test(code) ? second : second && wrong;
    }
    if (wrong) {
      const language = foreign(shown, code);
      console.log(JSON.stringify(language ? { file: index, unsupported: language } : { file: index, ...wrong }));
      return;
    }
    const imports = seen.filter((s) => /^\.{1,2}(\/|$)/.test(s))
      .map((s) => ({ line: lineOf(lines, s), target: s, names: [], optional: false })).concat(calls(lines));
    if (imports.length) console.log(JSON.stringify({ file: index, imports }));
  });
});
)JS";

inline constexpr std::string_view java = R"JAVA(
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.util.*;
import javax.tools.*;

public class Parse {
  public static void main(String[] args) throws Exception {
    String input = new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
    String[] paths = input.split("\0");
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StandardJavaFileManager files = compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8);
    for (int i = 0; i < paths.length; i++) {
      if (paths[i].isEmpty()) continue;
      DiagnosticCollector<JavaFileObject> said = new DiagnosticCollector<>();
      var task = (com.sun.source.util.JavacTask) compiler.getTask(null, files, said,
          List.of("-proc:none"), null, files.getJavaFileObjects(new File(paths[i])));
      task.parse();
      for (var problem : said.getDiagnostics()) {
        if (problem.getKind() != Diagnostic.Kind.ERROR) continue;
        String text = problem.getMessage(Locale.ENGLISH).replace("\\", "\\\\").replace("\"", "\\\"")
            .replaceAll("[\\x00-\\x1f]", " ");
        System.out.println("{\"file\": " + i + ", \"line\": " + Math.max(0, problem.getLineNumber())
            + ", \"error\": \"" + text + "\"}");
        break;
      }
    }
  }
}
)JAVA";

} // namespace aeo::consolidate::syntax_scripts
