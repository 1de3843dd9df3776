#include "tools/control/options.hpp"

namespace aeo::control {

namespace {

class parser {
public:
  explicit parser(options& to) : o_(to) {
    app.require_subcommand(1);
    app.fallthrough(); // Options of the program may stand after the command.
    app.set_version_flag("--version", "aeo-control " AEO_VERSION);
    app.add_flag("--json", o_.json, "Answer as JSON");
    attach::add_options(app, o_.target);
    app.footer(
        "Exit codes: 0 done, 1 refused (the text says why), 2 usage, 69 no node to talk to,\n"
        "70 internal error, 77 not permitted, 78 a file is damaged.");
    add_looking();
    add_acting();
    add_credential();
  }

  CLI::App app{"Looks at a running aeo-node, and decides what waits for a person."};

private:
  CLI::App* add(const std::string& name, const std::string& what) {
    auto* sub = app.add_subcommand(name, what);
    sub->callback([this, name] { o_.command = name; });
    return sub;
  }

  void add_phase(CLI::App* sub, bool required = true) {
    sub->add_option("ID", o_.phase, "The phase")->required(required);
  }

  void add_looking() {
    add("status", "Every phase, and what waits for whom");
    add_phase(add("why", "Why a phase waits, ran, was retried, was approved or not"));
    auto* logs = add("logs", "What a phase's task has written");
    add_phase(logs);
    logs->add_option("--task", o_.task, "A task of it (default: the one that started last)");
    logs->add_option("--attempt", o_.attempt, "Which attempt (default: the last)");
    logs->add_flag("-f,--follow", o_.follow, "Go on until the task ends");
    auto* graph = add("graph", "The plan as a graph, with states");
    graph->add_option("--format", o_.format, "dot, mermaid or json")
        ->check(CLI::IsMember({"dot", "mermaid", "json"}))
        ->capture_default_str();
    add("history", "The executions in this workspace, newest first");
    add("completion", "Completion for a shell: eval \"$(aeo-control completion bash)\"")
        ->add_option("SHELL", o_.name)
        ->required()
        ->check(CLI::IsMember({"bash", "zsh"}));
    add("ids", "Ids of all phases, one per line");
    auto* selftest = add("selftest", "Kill nodes on this machine, in a folder of its own: is "
                                     "nothing lost?");
    selftest->add_option("--kills", o_.kills, "How many")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    selftest->add_option("--seed", o_.seed, "Repeat the moments of an earlier one");
    add("verify", "Whether a row of the event log was edited, deleted or moved");
  }

  CLI::App* add_act(control_command command, const std::string& what, bool phase) {
    const std::string name{to_string(command)};
    auto* sub = app.add_subcommand(name, what);
    sub->callback([this, name, command] {
      o_.command = name;
      o_.acts = true;
      o_.act.command = command;
      o_.act.phase = o_.phase;
    });
    add_phase(sub, phase);
    return sub;
  }

  void add_acting() {
    auto* approve = add_act(control_command::approve, "Approve what waits for a person", true);
    approve->add_option("--comment", o_.act.reason, "Goes into the report");
    approve->add_option("--digest", o_.act.digest,
                        "What was reviewed (see status --json): refused if it is something else");
    auto* over = approve->add_flag("--override", o_.act.override_criteria,
                                   "Although the phase has failed; needs --reason");
    approve->add_option("--reason", o_.act.reason, "Why it is overridden")->needs(over);
    add_act(control_command::reject, "Reject what waits for a person", true)
        ->add_option("--reason", o_.act.reason)
        ->required();
    auto* retry = add_act(control_command::retry, "Run a phase again", true);
    retry->add_flag("--downstream", o_.act.downstream, "Also all that depend on it");
    retry->add_flag("--force", o_.act.force, "Although it is approved");
    retry->add_option("--reason", o_.act.reason);
    add_act(control_command::skip, "Let what depends on a phase go on without it", true)
        ->add_option("--reason", o_.act.reason)
        ->required();
    auto* cancel = add_act(control_command::cancel, "End a phase, or without ID the run", false);
    cancel->add_option("--reason", o_.act.reason);
    auto* pause = app.add_subcommand("pause", "Start nothing more; what runs goes on");
    auto* resume = app.add_subcommand("resume", "Go on after a pause");
    for (auto [sub, command] :
         {std::pair{pause, control_command::pause}, std::pair{resume, control_command::resume}}) {
      sub->add_option("--reason", o_.act.reason);
      sub->callback([this, command = command] {
        o_.command = to_string(command);
        o_.acts = true;
        o_.act.command = command;
      });
    }
  }

  void add_credential() {
    auto* group = app.add_subcommand("credential", "Who may attach (on the node's machine)");
    group->require_subcommand(1);
    auto sub = [&](const std::string& name, const std::string& what) {
      auto* result = group->add_subcommand(name, what);
      result->fallthrough();
      result->callback([this, name] { o_.command = "credential " + name; });
      return result;
    };
    auto* issue = sub("issue", "Make a credential file for somebody");
    issue->add_option("--name", o_.name, "Whose")->required();
    issue->add_option("--role", o_.role, "viewer (may look) or operator (may act)")
        ->check(CLI::IsMember({"viewer", "operator"}))
        ->capture_default_str();
    issue->add_option("--expires", o_.lifetime, "After which time, as in 12h or 90d")
        ->capture_default_str();
    issue->add_option("--out", o_.out, "The file to write (default: NAME.aeo-credential.json)");
    sub("list", "Who has one, until when");
    sub("revoke", "Let somebody in no more, from this moment")
        ->add_option("NAME", o_.name)
        ->required();
  }

  options& o_;
};

} // namespace

std::optional<options> parse_options(int argc, char** argv, int& exit_code) {
  options o;
  parser p{o};
  try {
    p.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = p.app.exit(error) == 0 ? 0 : exit_code::usage;
    return std::nullopt;
  }
  return o;
}

} // namespace aeo::control
