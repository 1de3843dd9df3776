#include "tools/consolidate/docker_rules.hpp"

#include "tools/consolidate/paths.hpp"

#include <algorithm>
#include <cctype>

namespace aeo::consolidate {

namespace {

/// Words as Docker splits them: quotes and the backslash keep blanks together. A quote that does
/// not close reaches to the end, as it does there.
std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  bool any = false;
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool blank = c == ' ' || c == '\t';
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      word += c;
      word += text[++i];
      any = true;
    } else if (quote == '\0' && blank) {
      if (any)
        out.push_back(std::move(word));
      word.clear();
      any = false;
    } else {
      if (c == '"' || c == '\'')
        quote = quote == '\0' ? c : quote == c ? '\0' : quote;
      word += c;
      any = true;
    }
  }
  if (any)
    out.push_back(std::move(word));
  return out;
}

using mistakes = std::vector<std::string>;

void check_from(const docker_instruction& item, mistakes& out) {
  const auto words = split_words(item.arguments);
  if (words.size() != 1 && !(words.size() == 3 && lower(words[1]) == "as"))
    out.emplace_back("has " + std::to_string(words.size())
                     + " arguments, expected IMAGE or IMAGE AS NAME");
  for (const auto& flag : item.flags) {
    if (!flag.starts_with("--platform="))
      out.emplace_back("has the unknown flag " + printable(flag, 60) + ", expected --platform=");
  }
}

void check_pairs(const docker_instruction& item, mistakes& out) {
  const auto parts = split_words(item.arguments);
  if (parts.empty())
    out.emplace_back("has no arguments, expected NAME=VALUE");
  else if (parts[0].find('=') == std::string::npos && parts.size() < 2)
    out.emplace_back("has a name without a value, expected NAME=VALUE");
  else if (parts[0].find('=') != std::string::npos) {
    for (const auto& word : parts) {
      if (word.find('=') == std::string::npos || word.starts_with('='))
        out.emplace_back("has a word that is not NAME=VALUE"); // it may be a secret
    }
  }
}

void check_ports(const docker_instruction& item, mistakes& out) {
  const auto words = split_words(item.arguments);
  if (words.empty())
    out.emplace_back("has no port");
  for (const auto& word : words) {
    const auto digits = word.substr(0, word.find('/'));
    const auto protocol = lower(word.substr(digits.size()));
    const bool variable = word.find('$') != std::string::npos;
    const bool number = !digits.empty() && digits.size() <= 11
                        && digits.find_first_not_of("0123456789-") == std::string::npos
                        && std::isdigit(static_cast<unsigned char>(digits[0])) != 0;
    if (!variable
        && (!number
            || (!protocol.empty() && protocol != "/tcp" && protocol != "/udp"
                && protocol != "/sctp")))
      out.emplace_back("has " + printable(word, 60) + ", expected a port like 8080 or 8080/tcp");
  }
}

void check_health(const docker_instruction& item, mistakes& out) {
  const auto words = split_words(item.arguments);
  const auto kind = words.empty() ? "" : lower(words[0]);
  if (kind == "none" && words.size() == 1)
    return;
  if (kind != "cmd")
    out.emplace_back("has " + printable(item.arguments, 60) + ", expected NONE or CMD COMMAND");
  else if (words.size() < 2)
    out.emplace_back("CMD has no command");
}

void check_copy(const docker_instruction& item, mistakes& out) {
  const auto count = item.exec ? item.exec->size() : split_words(item.arguments).size();
  if (count < 2)
    out.emplace_back("has " + std::to_string(count)
                     + " arguments, expected at least one source and a destination");
}

} // namespace

mistakes docker_mistakes(const docker_instruction& item) {
  mistakes out;
  const auto& key = item.keyword;
  const auto count = split_words(item.arguments).size();
  if (key == "FROM")
    check_from(item, out);
  else if (key == "ENV" || key == "LABEL")
    check_pairs(item, out);
  else if (key == "EXPOSE")
    check_ports(item, out);
  else if (key == "HEALTHCHECK")
    check_health(item, out);
  else if (key == "COPY" || key == "ADD")
    check_copy(item, out);
  else if (key == "SHELL" && !item.exec)
    out.emplace_back("is not a list of words, expected [\"program\", \"argument\"]");
  else if ((key == "USER" || key == "STOPSIGNAL") && count != 1)
    out.emplace_back("has " + std::to_string(count) + " arguments, expected one");
  else if (count == 0 && key != "CMD" && key != "ENTRYPOINT")
    out.emplace_back("has no arguments");
  return out;
}

} // namespace aeo::consolidate
