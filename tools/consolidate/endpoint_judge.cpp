#include "tools/consolidate/endpoint_judge.hpp"

#include "tools/consolidate/line_engine.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace aeo::consolidate {

void endpoint_judge::judge(endpoint& item, const std::vector<region>& own) const {
  const auto parts = code_.closure(own);
  const auto outer = guards_before(item, own.front().code, parts);
  if (!item.webhook.empty())
    judge_webhook(item, parts, outer.shared);
  const auto everywhere = code_.closure(outer.shared, true);
  const auto anywhere = code_.closure(outer.possible, true);
  const auto guarded = [&](auto find) {
    guard_place place = find(parts, false);
    if (!place.found) {
      place = find(everywhere, true);
      place.shared = place.found;
    }
    if (!place.found) {
      place = find(anywhere, true);
      place.possible = place.found;
      place.found = false;
    }
    return place;
  };
  item.rate_limit =
      guarded([&](const auto& lines, bool) { return search_.find(lines, guards_.rate_limit); });
  item.authentication = guarded(
      [&](const auto& lines, bool before_others) { return callers_.find(lines, before_others); });
  if (!item.authentication.found && !item.authentication.possible)
    item.authentication = callers_.find_read(parts);
}

endpoint_judge::outer_guards endpoint_judge::guards_before(const endpoint& item, std::size_t c,
                                                           const std::vector<region>& parts) const {
  outer_guards found;
  for (const auto& guard : mounted_.all()) {
    const auto reach = mounted_.covers(guard, item, c);
    if (reach == cover::no || is_excused(guard, parts))
      continue;
    auto& list = reach == cover::yes ? found.shared : found.possible;
    list.push_back({guard.code, guard.first, guard.last});
  }
  return found;
}

/// Whether a Django view or a method of Nest says itself that a setting does not hold for it.
bool endpoint_judge::is_excused(const shared_guard& guard, const std::vector<region>& parts) const {
  static const re2::RE2 open("\\blogin_not_required\\b", line_engine::options());
  static const re2::RE2 anyone("@(?:Is)?Public\\b|@SkipAuth\\w*|@AllowAnonymous\\b|@NoAuth\\b",
                               line_engine::options());
  static const re2::RE2 own("\\bpermission_classes\\b", line_engine::options());
  static const re2::RE2 rest("\\bAPIView\\b|ViewSet\\b|@api_view\\b|\\bgenerics\\.\\w+View\\b",
                             line_engine::options());
  if (guard.reach == guard_reach::django)
    return search_.mentions(parts, open);
  if (guard.reach == guard_reach::nest)
    return search_.mentions(parts, anyone);
  return guard.reach == guard_reach::rest
         && (search_.mentions(parts, own) || !search_.mentions(parts, rest));
}

/// A signature is checked in the handler, or for all of its file.
void endpoint_judge::judge_webhook(endpoint& item, std::vector<region> parts,
                                   const std::vector<region>& shared) const {
  std::vector<region> same_file;
  std::copy_if(shared.begin(), shared.end(), std::back_inserter(same_file),
               [&](const region& part) { return code_[part.code].file == item.file; });
  for (const auto& part : code_.closure(std::move(same_file), true))
    parts.push_back(part);
  item.constant_time = search_.find(parts, guards_.constant_time);
  for (std::size_t i = 0; i < rules_.webhooks.size(); ++i) {
    if ((rules_.webhooks[i].id == item.webhook || item.webhook == "other") && !item.signature.found)
      item.signature = search_.find_signature(parts, guards_.signatures[i]);
  }
}

} // namespace aeo::consolidate
