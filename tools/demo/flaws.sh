# shellcheck shell=bash
# One flaw for each criterion that a workspace can miss, each planted as a commit like any other.
# The criteria of phases 1 to 3, 11, 13 and 14 look at what the steps themselves made, and the one
# of 15 at all others and at configured deployments: no source can spoil these alone.
#
# The table: name, the phase that stops (* after it: not planted by a bare --flawed, because it
# keeps other flaws from showing), what is wrong.

flaw_table() {
  cat <<'EOF'
missing-repository     0* the repository of the quotation service is not there
damaged-history        4* an object of an old commit is gone
failing-test           5  a test of the quotation engine fails
suite-without-count    5  npm test ends well without having counted a test
no-tests               5* nobody tests anything
broken-link            6  a link leads to no file
python-syntax          7  a Python file does not parse
json-syntax            7  a JSON file does not parse
yaml-syntax            7  a YAML file does not parse
broken-reference       7  a component asks for a file of another one that is not there
undeclared-variable    8  a variable is used that no .env.example declares
port-conflict          8  two compose files publish the same port
container-conflict     8  two compose files give the same name to a container
secret-in-tree         9  an access key is committed
secret-in-history      9  an access key was committed, and removed by the commit after
private-key            9  a private key is committed
unsigned-whatsapp      9  the webhook of WhatsApp takes messages without a look at the signature
unsigned-n8n           9  the webhook of n8n asks for no secret
dockerfile-syntax      10 a Dockerfile does not parse
compose-syntax         10 a compose file has a list for its services
slow-service           12 the health endpoint takes two seconds
service-that-ends      12* the service ends before it listens
EOF
}

list_flaws() {
  local name phase text
  while read -r name phase text; do
    printf '  %-20s %2s  %s\n' "$name" "${phase%\*}" "$text"
  done < <(flaw_table)
}
is_flaw() {
  [[ $1 ]] && flaw_table | cut -d ' ' -f 1 | grep -qxF -e "$1"
}
flaws_together() {
  flaw_table | awk '$2 !~ /\*$/ {print $1}'
}

# plant NAME: says where the flaw is: REPOSITORY/PATH:LINE, or an object of git, or nothing.
plant() {
  place=
  "plant_${1//-/_}"
  echo "planted $1${place:+: $place}"
}
# at REPOSITORY FILE TEXT: the line of the file that has the text is the place.
at() {
  place=$1/$2:$(grep -nF -m 1 -e "$3" "$1/$2" | cut -d : -f 1)
}
# commit_in REPOSITORY WHO MESSAGE
commit_in() {
  cd "${root:?}/$1" || exit
  save "$2" "$3"
  cd "$root" || exit
}
# change REPOSITORY FILE FROM TO: replaces the one line that has FROM.
change() {
  local text line
  text=$(<"$1/$2")
  line=$(grep -F -m 1 -e "$3" "$1/$2")
  printf '%s\n' "${text/"$line"/"$4"}" > "$1/$2"
}

plant_missing_repository() {
  rm -rf quotation-service
}
plant_damaged_history() {
  local object
  object=$(git -C quotation-service rev-parse HEAD~6:README.md)
  rm -f "quotation-service/.git/objects/${object:0:2}/${object:2}"
  place="object $object"
}
plant_failing_test() {
  local file=tests/test_quotation.py
  change quotation-service $file '["total_cents"], 16500)' \
    '        self.assertEqual(result["total_cents"], 16000)'
  commit_in quotation-service bruno "Expect what the price list says"
  at quotation-service $file 16000
}
plant_suite_without_count() {
  change chat-frontend package.json '"scripts"' '  "scripts": {"test": "true"},'
  commit_in chat-frontend bruno "Test nothing for now"
  at chat-frontend package.json '"scripts"'
}
plant_no_tests() {
  rm -r quotation-service/tests chat-frontend/test integrations-service/n8n-nodes/*.test.js
  find integrations-service -name '*_test.go' -delete
  sed -i '/"scripts"/d' chat-frontend/package.json integrations-service/n8n-nodes/package.json
  commit_in quotation-service ana "Remove the tests"
  commit_in chat-frontend ana "Remove the tests"
  commit_in integrations-service ana "Remove the tests"
}
plant_broken_link() {
  change quotation-service docs/api.md '(../contracts/quote.schema.json)' \
    'answers the quotation; what it must hold is in the [contract](../contracts/quotation.json). See'
  commit_in quotation-service ana "Point to the new contract"
  at quotation-service docs/api.md quotation.json
}
plant_python_syntax() {
  put quotation-service/quotation/report.py <<'EOF'
"""Counts quotations by zone."""
from collections import Counter


def by_zone(quotations):
    return Counter(item["zone"] for item in quotations
EOF
  commit_in quotation-service ana "Count quotations by zone"
  at quotation-service quotation/report.py 'return Counter'
}
plant_json_syntax() {
  put integrations-service/contracts/reply.schema.json <<'EOF'
{
  "title": "Reply",
  "type": "object",
  "required": ["text"]
  "properties": {"text": {"type": "string"}}
}
EOF
  commit_in integrations-service carla "Describe replies"
  at integrations-service contracts/reply.schema.json '"properties"'
}
plant_yaml_syntax() {
  put integrations-service/workflows/quote.yaml <<'EOF'
name: quote
steps:
  - receive: whatsapp
  - ask: [quotation
  - answer: whatsapp
EOF
  commit_in integrations-service carla "Describe the workflow"
  at integrations-service workflows/quote.yaml 'answer'
}
plant_broken_reference() {
  put integrations-service/n8n-nodes/zones.js <<'EOF'
"use strict";
const zones = require("./shared/zones.json");

module.exports = { zones };
EOF
  commit_in integrations-service ana "Name the zones in the node"
  at integrations-service n8n-nodes/zones.js 'require('
}
plant_undeclared_variable() {
  put quotation-service/quotation/currency.py <<'EOF'
"""The currency of prices."""
import os


def currency():
    return os.environ["QUOTATION_CURRENCY"]
EOF
  commit_in quotation-service ana "Let the currency be configured"
  at quotation-service quotation/currency.py QUOTATION_CURRENCY
}
plant_port_conflict() {
  change chat-frontend docker-compose.yml 'ports:' '    ports: ["8081:8080"]'
  commit_in chat-frontend bruno "Move the chat to another port"
  at chat-frontend docker-compose.yml 8081
}
plant_container_conflict() {
  change chat-frontend docker-compose.yml 'container_name:' '    container_name: bmc-quotation'
  commit_in chat-frontend bruno "Rename the container"
  at chat-frontend docker-compose.yml bmc-quotation
}

# An access key that opens nothing, put together here so that this file holds none.
access_key() {
  printf 'AKIA%s%s' Q7JZ2MWP 5XK3TRLV
}
plant_secret_in_tree() {
  put quotation-service/quotation/upload.py <<EOF
"""Where price lists are uploaded."""

BUCKET = "bmc-price-lists"
AWS_ACCESS_KEY_ID = "$(access_key)"
EOF
  commit_in quotation-service bruno "Upload price lists"
  at quotation-service quotation/upload.py AWS_ACCESS_KEY_ID
}
plant_secret_in_history() {
  put chat-frontend/src/upload.js <<EOF
export const bucket = "bmc-photos";
export const accessKeyId = "$(access_key)";
EOF
  commit_in chat-frontend bruno "Upload photos"
  at chat-frontend src/upload.js accessKeyId
  rm chat-frontend/src/upload.js
  commit_in chat-frontend bruno "Upload no photos"
}
plant_private_key() {
  {
    printf -- '-----BEGIN %s KEY-----\n' "EC PRIVATE"
    printf 'MHcCAQEEIB3fyYzZVwqPjYd1Kx0n2LrT8sQm5uHc7aEoW9gJkXbNoAoGCCqGSM49\n'
    printf -- '-----END %s KEY-----\n' "EC PRIVATE"
  } | put integrations-service/deploy/server.key
  commit_in integrations-service carla "Add the key of the server"
  at integrations-service deploy/server.key BEGIN
}
# drop_test NAME: of the webhooks, so that the suite still passes.
drop_test() {
  local file=integrations-service/cmd/server/webhooks_test.go text
  text=$(sed "/^func $1(/,/^}/d" "$file" | cat -s)
  printf '%s\n' "$text" > "$file"
}
plant_unsigned_whatsapp() {
  local file=cmd/server/webhooks.go
  change integrations-service $file 'whatsapp.ValidSignature' '	if err != nil {'
  sed -i '/internal\/whatsapp"$/d' integrations-service/$file
  change integrations-service $file 'log.Println("message for"' \
    '	log.Println("message for", s.workflowURL, len(body))'
  drop_test TestAnUnsignedMessageIsRefused
  commit_in integrations-service bruno "Take messages while Meta's secret is renewed"
  at integrations-service $file '"/webhooks/whatsapp"'
}
plant_unsigned_n8n() {
  local file=cmd/server/webhooks.go
  sed -i '/X-N8N-Secret/,/^\t}/d' integrations-service/$file
  drop_test TestOnlyTheWorkflowHandsOver
  commit_in integrations-service bruno "Let workflows of the test stage hand over"
  at integrations-service $file '"/webhooks/n8n"'
}
plant_dockerfile_syntax() {
  change quotation-service Dockerfile WORKDIR 'WORKDRI /app'
  commit_in quotation-service carla "Work in /app"
  at quotation-service Dockerfile WORKDRI
}
plant_compose_syntax() {
  put chat-frontend/docker-compose.override.yml <<'EOF'
services:
  - chat
EOF
  commit_in chat-frontend carla "Name the services"
  at chat-frontend docker-compose.override.yml chat
}
plant_slow_service() {
  local file=quotation/server.py
  sed -i 's/^import os$/import os\nimport time/' quotation-service/$file
  change quotation-service $file 'self.answer_json(200, {"status": "ok"})' \
    '            time.sleep(2)  # until the catalogue answers
            self.answer_json(200, {"status": "ok"})'
  commit_in quotation-service ana "Wait for the catalogue"
  at quotation-service $file '"/health"'
}
plant_service_that_ends() {
  local file=quotation/server.py
  change quotation-service $file 'log.warning("listening' \
    '    raise SystemExit("the catalogue is being migrated")'
  commit_in quotation-service ana "Stay away during the migration"
  at quotation-service Dockerfile '"quotation.server"' # where it is said how to start it
}
