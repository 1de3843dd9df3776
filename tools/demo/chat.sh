# shellcheck shell=bash
# chat-frontend: what runs in the browser, with its tests.

start chat-frontend
put README.md <<'EOF'
# Chat front end

The chat window in which customers ask for a quotation. Test it with `npm test`.
EOF
licence
save bruno "Start the chat front end"
put src/conversation.js <<'EOF'
/** A conversation: messages in the order in which they were said. */
export class Conversation {
  #messages = [];

  say(from, text) {
    if (!text.trim()) {
      throw new RangeError("a message needs a text");
    }
    this.#messages.push({ from, text: text.trim() });
    return this;
  }

  get messages() {
    return [...this.#messages];
  }
}
EOF
save bruno "Keep the conversation"
put src/format.js <<'EOF'
/** Cents as a customer reads them: 16500 is "165.00". */
export function formatCents(cents) {
  if (!Number.isInteger(cents)) {
    throw new TypeError(`cents must be an integer, not ${cents}`);
  }
  const sign = cents < 0 ? "-" : "";
  const digits = String(Math.abs(cents)).padStart(3, "0");
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
EOF
save ana "Format prices"
put package.json <<'EOF'
{
  "name": "@bmc/chat-frontend",
  "version": "1.0.0",
  "private": true,
  "type": "module",
  "scripts": {"test": "node --test"},
  "dependencies": {"ajv": "^8.12.0"}
}
EOF
put package-lock.json <<'EOF'
{
  "name": "@bmc/chat-frontend",
  "version": "1.0.0",
  "lockfileVersion": 3,
  "packages": {
    "": {"name": "@bmc/chat-frontend", "version": "1.0.0", "dependencies": {"ajv": "^8.12.0"}},
    "node_modules/ajv": {"version": "8.12.0"}
  }
}
EOF
put test/format.test.js <<'EOF'
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCents } from "../src/format.js";

test("cents become two decimals", () => {
  assert.equal(formatCents(16500), "165.00");
  assert.equal(formatCents(5), "0.05");
});

test("a fraction of a cent is refused", () => {
  assert.throws(() => formatCents(0.5), TypeError);
});
EOF
save carla "Test the formatting"
put test/conversation.test.js <<'EOF'
import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversation } from "../src/conversation.js";

test("messages keep their order", () => {
  const talk = new Conversation().say("customer", "hello").say("bot", "good morning");
  assert.deepEqual(talk.messages.map((m) => m.from), ["customer", "bot"]);
});

test("an empty message is refused", () => {
  assert.throws(() => new Conversation().say("customer", "  "), RangeError);
});
EOF
save bruno "Test the conversation"
put src/quote-request.js <<'EOF'
const pattern = /(\d+)\s*(?:x|of)?\s*([a-z0-9-]+)\s+to\s+([a-z]+)/i;

/** Reads "10 cement-50kg to north" as a request for a quotation. */
export function parseQuoteRequest(text) {
  const found = pattern.exec(text);
  if (!found) {
    return null;
  }
  return { quantity: Number(found[1]), product: found[2].toLowerCase(), zone: found[3].toLowerCase() };
}
EOF
put test/quote-request.test.js <<'EOF'
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseQuoteRequest } from "../src/quote-request.js";

test("quantity, product and zone are read", () => {
  assert.deepEqual(parseQuoteRequest("10 x cement-50kg to North"),
    { quantity: 10, product: "cement-50kg", zone: "north" });
});

test("anything else is no request", () => {
  assert.equal(parseQuoteRequest("good morning"), null);
});
EOF
save ana "Understand requests"
as ana
git tag v0.9
put public/index.html <<'EOF'
<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>BMC chat</title></head>
  <body><main id="chat-window"></main><script type="module" src="/src/main.js"></script></body>
</html>
EOF
put src/main.js <<'EOF'
import { Conversation } from "./conversation.js";

const conversation = new Conversation().say("bot", "What shall we quote for you?");
const chatWindow = document.querySelector("#chat-window");
for (const message of conversation.messages) {
  const line = document.createElement("p");
  line.textContent = `${message.from}: ${message.text}`;
  chatWindow.append(line);
}
EOF
save bruno "Show the chat window"
put src/settings.js <<'EOF'
export const quotationUrl = process.env.QUOTATION_URL ?? "http://localhost:8081";
EOF
put .env.example <<'EOF'
# Where the quotation service answers
QUOTATION_URL=http://localhost:8081
EOF
save carla "Find the quotation service"
shared chat '"price_cents"'
put docker-compose.yml <<'EOF'
services:
  chat:
    image: nginxinc/nginx-unprivileged:1.27.2-alpine
    container_name: bmc-chat
    restart: unless-stopped
    ports: ["8080:8080"]
    volumes:
      - ./public:/usr/share/nginx/html:ro
      - ./src:/usr/share/nginx/html/src:ro
    healthcheck:
      test: ["CMD", "wget", "-q", "-O", "-", "http://localhost:8080/"]
    mem_limit: 64m
EOF
put .github/workflows/ci.yml <<'EOF'
name: chat
on: [push]
permissions:
  contents: read
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: npm test
EOF
save carla "Share the contracts, test at every push"
put docs/usage.md <<'EOF'
# Usage

Write `10 cement-50kg to north`. What a message holds is in the
[contract](../contracts/message.schema.json).
EOF
put README.md <<'EOF'
# Chat front end

The chat window in which customers ask for a quotation. Start it with `docker compose up`, test it
with `npm test`. What customers may write is in [docs/usage.md](docs/usage.md).

`QUOTATION_URL` is where the quotation service answers.
EOF
save ana "Document the usage"
git checkout -q -b feature/emoji
printf '\nexport const greeting = "\xf0\x9f\x91\x8b";\n' >> src/format.js
save bruno "Greet with a hand"
git checkout -q main
cd ..

