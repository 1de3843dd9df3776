#pragma once

#include <set>
#include <string>

/// The names that GitHub's workflow syntax documents.
/// https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax
namespace aeo::consolidate::workflow_syntax {

using names = std::set<std::string, std::less<>>;

inline const names workflow_keys{"name", "run-name", "on",          "permissions",
                                 "env",  "defaults", "concurrency", "jobs"};
inline const names job_keys{
    "name",        "permissions",       "needs",     "if",       "runs-on", "environment",
    "concurrency", "outputs",           "env",       "defaults", "steps",   "timeout-minutes",
    "strategy",    "continue-on-error", "container", "services", "uses",    "with",
    "secrets",     "snapshot"};
inline const names called_job_keys{"name",     "permissions", "needs", "if",     "concurrency",
                                   "strategy", "uses",        "with",  "secrets"};
inline const names step_keys{"id",
                             "if",
                             "name",
                             "uses",
                             "run",
                             "with",
                             "env",
                             "shell",
                             "continue-on-error",
                             "timeout-minutes",
                             "working-directory"};
inline const names strategy_keys{"matrix", "fail-fast", "max-parallel"};
inline const names permission_scopes{"actions",         "artifact-metadata",
                                     "attestations",    "checks",
                                     "contents",        "deployments",
                                     "discussions",     "id-token",
                                     "issues",          "models",
                                     "packages",        "pages",
                                     "pull-requests",   "repository-projects",
                                     "security-events", "statuses"};
inline const names known_events{"branch_protection_rule",
                                "check_run",
                                "check_suite",
                                "create",
                                "delete",
                                "deployment",
                                "deployment_status",
                                "discussion",
                                "discussion_comment",
                                "fork",
                                "gollum",
                                "image_version",
                                "issue_comment",
                                "issues",
                                "label",
                                "merge_group",
                                "milestone",
                                "page_build",
                                "project",
                                "project_card",
                                "project_column",
                                "public",
                                "pull_request",
                                "pull_request_comment",
                                "pull_request_review",
                                "pull_request_review_comment",
                                "pull_request_target",
                                "push",
                                "registry_package",
                                "release",
                                "repository_dispatch",
                                "schedule",
                                "status",
                                "watch",
                                "workflow_call",
                                "workflow_dispatch",
                                "workflow_run"};
inline const names push_keys{"branches",    "branches-ignore", "tags",
                             "tags-ignore", "paths",           "paths-ignore"};
inline const names pull_request_keys{"types", "branches", "branches-ignore", "paths",
                                     "paths-ignore"};

} // namespace aeo::consolidate::workflow_syntax
