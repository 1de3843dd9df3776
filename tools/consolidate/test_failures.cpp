#include "tools/consolidate/test_failures.hpp"

#include "tools/consolidate/paths.hpp"
#include "tools/consolidate/piece.hpp"

#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include <re2/re2.h>

#include <charconv>
#include <filesystem>
#include <map>

namespace aeo::consolidate {

namespace {

class failure_finder {
public:
  failure_finder(std::string tree, std::string directory, std::string module)
      : tree_(std::move(tree)), directory_(std::move(directory)), module_(std::move(module)) {}

  void read(std::string_view output) {
    for (const auto line : split(output, '\n')) {
      if (line.starts_with("{\"Time\":"))
        go_event(line);
      else
        text_line(line);
    }
  }

  std::vector<test_failure> take() { return std::move(found_); }

  /// The last place in a text that lies in the monorepo, for `failure`.
  void last_place(const std::string& text, test_failure& failure) const {
    static const re2::RE2 place(
        R"re((?m)(?:File "|^|[\s(])([^\s"():]+\.\w+)(?:", line |:)(\d+))re");
    re2::StringPiece input(text);
    std::string path;
    std::uint32_t line = 0;
    while (re2::RE2::FindAndConsume(&input, place, &path, &line))
      set_place(path, line, failure);
  }

private:
  void add(std::string test) {
    if (found_.size() < failures_listed)
      found_.push_back({printable(test, 300), "", 0});
    open_ = found_.size() < failures_listed || !found_.empty();
  }

  bool set_place(const std::string& path, std::uint32_t line, test_failure& failure) const {
    auto relative = path;
    if (relative.starts_with(tree_ + "/"))
      relative.erase(0, tree_.size() + 1);
    else if (relative.starts_with("file://" + tree_ + "/"))
      relative.erase(0, tree_.size() + 8);
    else if (!relative.starts_with('/'))
      relative = join_path(directory_, relative);
    std::error_code ec;
    if (relative.starts_with('/') || !std::filesystem::is_regular_file(tree_ + "/" + relative, ec))
      return false;
    failure.path = std::filesystem::path(relative).lexically_normal().string();
    failure.line = line;
    return true;
  }

  void text_line(std::string_view line) {
    static const re2::RE2 unittest(R"(^(?:FAIL|ERROR|UNEXPECTED SUCCESS): (.+)$)");
    static const re2::RE2 traceback(R"re(^  File "([^"]+)", line (\d+))re");
    static const re2::RE2 tap(R"(^\s*not ok \d* ?-? ?(.*)$)");
    static const re2::RE2 location(R"(^\s*location: '([^']+):(\d+):\d+'$)");
    static const re2::RE2 panic(
        R"(^thread '([^']+)' (?:\(\d+\) )?panicked at ([^:]+):(\d+):\d+:?)");
    std::string name;
    std::string path;
    std::uint32_t number = 0;
    if (re2::RE2::FullMatch(piece(line), unittest, &name)) {
      add(name);
    } else if (re2::RE2::PartialMatch(piece(line), traceback, &path, &number)
               || re2::RE2::FullMatch(piece(line), location, &path, &number)) {
      if (open_ && !found_.empty())
        set_place(path, number, found_.back());
    } else if (re2::RE2::FullMatch(piece(line), tap, &name)) {
      if (name.find("# TODO") == std::string::npos && name.find("# SKIP") == std::string::npos)
        add(name);
    } else if (line.find("'subtestsFailed'") != std::string_view::npos) {
      if (open_ && !found_.empty())
        found_.pop_back(); // the test inside is on the list
    } else if (re2::RE2::PartialMatch(piece(line), panic, &name, &path, &number)) {
      add(name);
      set_place(path, number, found_.back());
    } else if (trim(line) == "..." || line.starts_with("---------")) {
      open_ = line.starts_with("---------") && open_;
    }
  }

  /// Output lines of a Go test name the file without its package: `    a_test.go:4: text`.
  void go_event(std::string_view line) {
    const auto event = nlohmann::json::parse(line, nullptr, false);
    if (!event.is_object() || !event.contains("Test"))
      return;
    const auto package = event.value("Package", "");
    const auto key = package + " " + event.value("Test", "");
    const auto action = event.value("Action", "");
    static const re2::RE2 place(R"(^\s+(\S+\.go):(\d+): )");
    std::string file;
    std::uint32_t number = 0;
    if (action == "output"
        && re2::RE2::PartialMatch(event.value("Output", ""), place, &file, &number))
      go_places_[key] = {file, number};
    if (action != "fail")
      return;
    const auto said = go_places_.find(key);
    add(key.substr(key.rfind('/', key.find(' ')) + 1));
    if (said == go_places_.end() || found_.empty())
      return;
    const auto inside = package == module_ ? std::string{} : package.substr(module_.size() + 1);
    set_place(join_path(inside, said->second.first), said->second.second, found_.back());
  }

  std::string tree_;
  std::string directory_;
  std::string module_;
  bool open_ = false; ///< places still belong to the last failure
  std::vector<test_failure> found_;
  std::map<std::string, std::pair<std::string, std::uint32_t>> go_places_;
};

void failed_cases(const pugi::xml_node& node, const failure_finder& finder,
                  std::vector<test_failure>& out) {
  for (const auto& item : node.children()) {
    if (std::string_view(item.name()) == "testsuite") {
      failed_cases(item, finder, out);
      continue;
    }
    const auto failed = item.child("failure") ? item.child("failure") : item.child("error");
    if (std::string_view(item.name()) != "testcase" || !failed || out.size() >= failures_listed)
      continue;
    test_failure failure;
    const std::string owner = item.attribute("classname").as_string();
    const std::string name = item.attribute("name").as_string();
    failure.test = printable(owner.empty() || owner == name ? name : owner + "." + name, 300);
    finder.last_place(failed.text().as_string(), failure);
    out.push_back(std::move(failure));
  }
}

} // namespace

std::vector<test_failure> find_failures(std::string_view output, const std::string& tree,
                                        const std::string& directory, const std::string& module) {
  failure_finder finder(tree, directory, module);
  finder.read(output);
  return finder.take();
}

std::vector<test_failure> junit_failures(const std::string& file, const std::string& tree,
                                         const std::string& directory) {
  std::vector<test_failure> out;
  pugi::xml_document document;
  if (!document.load_file(file.c_str()))
    return out;
  const failure_finder finder(tree, directory, "");
  const auto root = document.document_element();
  if (std::string_view(root.name()) == "testsuite")
    failed_cases(document, finder, out);
  else
    failed_cases(root, finder, out);
  return out;
}

} // namespace aeo::consolidate
