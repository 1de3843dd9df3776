#include "tools/node/init.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace aeo::node {

namespace {

/// Reaps and passes signals on until `child` ends; its exit code as a shell tells it.
int be_init(pid_t child, const sigset_t& all) {
  for (;;) {
    siginfo_t info{};
    const int number = ::sigwaitinfo(&all, &info);
    if (number < 0)
      continue;
    if (number != SIGCHLD) {
      ::kill(child, number);
      continue;
    }
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
      if (pid == child)
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

} // namespace

void go_on_below_init() {
  if (::getpid() != 1)
    return;
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  const auto child = ::fork();
  if (child < 0)
    std::perror("aeo-node: cannot start a process below init");
  if (child > 0)
    ::_exit(be_init(child, all));
  // A terminal signals a whole group: one of its own gets each signal once. Blocked: SIGTTOU.
  if (::setpgid(0, 0) == 0 && ::isatty(STDIN_FILENO) == 1)
    ::tcsetpgrp(STDIN_FILENO, ::getpid());
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

} // namespace aeo::node
