# shellcheck shell=bash
# Repositories with a history that is the same at every run: fixed authors, identities and dates.

export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 LC_ALL=C TZ=UTC
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS
umask 022
clock=1704103200 # 2024-01-01 10:00 UTC; every commit is one day and an hour later

as() {
  case $1 in
    ana) GIT_AUTHOR_NAME="Ana Souza" ;;
    bruno) GIT_AUTHOR_NAME="Bruno Lima" ;;
    carla) GIT_AUTHOR_NAME="Carla Díaz" ;;
  esac
  GIT_AUTHOR_EMAIL=$1@example.com
  GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
  clock=$((clock + 90000))
  GIT_AUTHOR_DATE="$clock +0000" GIT_COMMITTER_DATE="$clock +0000"
  export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL \
    GIT_AUTHOR_DATE GIT_COMMITTER_DATE
}
# save WHO MESSAGE: commits everything.
save() {
  as "$1"
  git add -A
  git commit -q -m "$2"
}
put() {
  [[ $1 != */* ]] || mkdir -p "${1%/*}"
  cat > "$1"
}
start() {
  git init -q --template= --initial-branch=main "$1"
  cd "$1" || exit
}
licence() {
  put LICENSE <<'EOF'
MIT License

Copyright (c) 2024 BMC

Permission is hereby granted, free of charge, to any person obtaining a copy of this software, to
deal in it without restriction. The software is provided "as is", without warranty of any kind.
EOF
}
# Files that every repository has: some the same everywhere, some not.
shared() {
  put .github/pull_request_template.md <<'EOF'
## What changes

## How it was tested
EOF
  put .github/CODEOWNERS <<EOF
* @example/$1
EOF
  put contracts/message.schema.json <<'EOF'
{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "title": "Message",
  "type": "object",
  "required": ["from", "text"],
  "properties": {"from": {"type": "string"}, "text": {"type": "string"}}
}
EOF
  put contracts/quote.schema.json <<EOF
{
  "\$schema": "http://json-schema.org/draft-07/schema#",
  "title": "Quote",
  "type": "object",
  "required": ["product", "quantity", $2],
  "properties": {"product": {"type": "string"}, "quantity": {"type": "integer", "minimum": 1}}
}
EOF
}
