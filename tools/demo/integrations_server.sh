# shellcheck shell=bash
# integrations-service, second half: the server, what guards it, and how it is run.

put cmd/server/main.go <<'EOF'
// Command server receives webhooks.
package main

import (
	"io"
	"log"
	"net/http"
	"os"

	"example.com/bmc/integrations/internal/n8n"
	"example.com/bmc/integrations/internal/whatsapp"
)

func main() {
	secret := []byte(os.Getenv("WHATSAPP_APP_SECRET"))
	next, err := n8n.WebhookURL(os.Getenv("N8N_BASE_URL"), "quote")
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"status":"ok"}`)
	})
	http.HandleFunc("/webhooks/whatsapp", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil || !whatsapp.ValidSignature(secret, body, r.Header.Get("X-Hub-Signature-256")) {
			http.Error(w, "refused", http.StatusForbidden)
			return
		}
		log.Println("message for", next)
		w.WriteHeader(http.StatusAccepted)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("INTEGRATIONS_PORT"), nil))
}
EOF
put .env.example <<'EOF'
INTEGRATIONS_PORT=8082
WHATSAPP_APP_SECRET=
N8N_BASE_URL=http://localhost:5678
CHATWOOT_BASE_URL=http://localhost:3000
EOF
save bruno "Receive webhooks"
put n8n-nodes/package.json <<'EOF'
{
  "name": "n8n-nodes-bmc",
  "version": "0.1.0",
  "private": true,
  "scripts": {"test": "node --test"},
  "dependencies": {"ajv": "^6.12.6"}
}
EOF
put n8n-nodes/quote-node.js <<'EOF'
"use strict";

/** The n8n node passes on what it was given, with the step that made it. */
function execute(items) {
  return items.map((item) => ({ json: { ...item.json, step: "quote" } }));
}

module.exports = { execute };
EOF
put n8n-nodes/quote-node.test.js <<'EOF'
"use strict";
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { execute } = require("./quote-node.js");

test("items keep their values", () => {
  assert.deepEqual(execute([{ json: { a: 1 } }]), [{ json: { a: 1, step: "quote" } }]);
});
EOF
put n8n-nodes/README.md <<'EOF'
# n8n node

The step "quote" in workflows of n8n. Test it with `npm test`.
EOF
put scripts/requirements.txt <<'EOF'
# for the import of old conversations
httpx>=0.23,<0.25
EOF
save ana "Add the n8n node"
shared integrations '"channel"'
put .github/workflows/ci.yml <<'EOF'
name: integrations
on: [push]
permissions:
  contents: read
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: go test ./...
EOF
save carla "Share the contracts, test at every push"
put internal/guard/guard.go <<'EOF'
// Package guard decides who may call, and how often.
package guard

import (
	"crypto/subtle"
	"sync"
	"time"
)

// SameSecret compares in constant time; an empty secret matches nothing.
func SameSecret(given, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1
}

type bucket struct {
	left  float64
	since time.Time
}

// RateLimiter is a token bucket for each client.
type RateLimiter struct {
	perMinute float64
	now       func() time.Time
	mutex     sync.Mutex
	buckets   map[string]bucket
}

func NewRateLimiter(perMinute int, now func() time.Time) *RateLimiter {
	return &RateLimiter{perMinute: float64(perMinute), now: now, buckets: map[string]bucket{}}
}

// Allow takes a token of the client, if there is one.
func (l *RateLimiter) Allow(client string) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now := l.now()
	b, known := l.buckets[client]
	if !known {
		b = bucket{l.perMinute, now}
	}
	b.left = min(l.perMinute, b.left+now.Sub(b.since).Minutes()*l.perMinute)
	b.since = now
	allowed := b.left >= 1
	if allowed {
		b.left--
	}
	l.buckets[client] = b
	return allowed
}
EOF
put internal/guard/guard_test.go <<'EOF'
package guard

import (
	"testing"
	"time"
)

func TestAnEmptySecretMatchesNothing(t *testing.T) {
	if SameSecret("", "") || SameSecret("a", "b") || !SameSecret("a", "a") {
		t.Fatal("compared wrongly")
	}
}

func TestTokensComeBackWithTime(t *testing.T) {
	now := time.Unix(0, 0)
	limiter := NewRateLimiter(2, func() time.Time { return now })
	if !limiter.Allow("a") || !limiter.Allow("a") || limiter.Allow("a") {
		t.Fatal("two requests a minute were agreed")
	}
	if !limiter.Allow("b") {
		t.Fatal("another client has tokens of its own")
	}
	now = now.Add(30 * time.Second)
	if !limiter.Allow("a") || limiter.Allow("a") {
		t.Fatal("half a minute brings one token back")
	}
}
EOF
save ana "Limit how often somebody may call"
put cmd/server/webhooks.go <<'EOF'
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync/atomic"

	"example.com/bmc/integrations/internal/chatwoot"
	"example.com/bmc/integrations/internal/guard"
	"example.com/bmc/integrations/internal/whatsapp"
)

const maxBody = 1 << 20

type settings struct {
	whatsAppSecret []byte
	verifyToken    string
	n8nSecret      string
	workflowURL    string
	chatwootURL    string
}

type service struct {
	settings
	limiter  *guard.RateLimiter
	accepted atomic.Int64
	refused  atomic.Int64
}

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/health", s.health)
	mux.HandleFunc("/metrics", s.metrics)
	mux.HandleFunc("/webhooks/whatsapp", s.rateLimited(s.whatsAppWebhook))
	mux.HandleFunc("/webhooks/n8n", s.rateLimited(s.n8nWebhook))
	return mux
}

func (s *service) health(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, `{"status":"ok"}`)
}

func (s *service) metrics(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, "# TYPE integrations_webhooks_total counter")
	fmt.Fprintf(w, "integrations_webhooks_total{result=\"accepted\"} %d\n", s.accepted.Load())
	fmt.Fprintf(w, "integrations_webhooks_total{result=\"refused\"} %d\n", s.refused.Load())
}

func (s *service) rateLimited(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		client, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil || !s.limiter.Allow(client) {
			w.Header().Set("Retry-After", "60")
			http.Error(w, "too many requests", http.StatusTooManyRequests)
			return
		}
		next(w, r)
	}
}

// whatsAppWebhook answers Meta's verification (GET) and takes signed messages (POST).
func (s *service) whatsAppWebhook(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		if !guard.SameSecret(r.URL.Query().Get("hub.verify_token"), s.verifyToken) {
			s.refuse(w)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, r.URL.Query().Get("hub.challenge"))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil || !whatsapp.ValidSignature(s.whatsAppSecret, body, r.Header.Get("X-Hub-Signature-256")) {
		s.refuse(w)
		return
	}
	log.Println("message for", s.workflowURL)
	s.accepted.Add(1)
	w.WriteHeader(http.StatusAccepted)
}

// n8nWebhook takes what a workflow hands over to people, and answers where they find it.
func (s *service) n8nWebhook(w http.ResponseWriter, r *http.Request) {
	if !guard.SameSecret(r.Header.Get("X-N8N-Secret"), s.n8nSecret) {
		s.refuse(w)
		return
	}
	var wanted struct{ Account, Conversation int }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&wanted); err != nil {
		http.Error(w, "account and conversation are needed", http.StatusBadRequest)
		return
	}
	s.accepted.Add(1)
	io.WriteString(w, s.chatwootURL+chatwoot.ConversationPath(wanted.Account, wanted.Conversation))
}

func (s *service) refuse(w http.ResponseWriter) {
	s.refused.Add(1)
	http.Error(w, "refused", http.StatusForbidden)
}
EOF
put cmd/server/webhooks_test.go <<'EOF'
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/bmc/integrations/internal/guard"
)

func ask(method, target, body string, header ...string) *httptest.ResponseRecorder {
	s := &service{
		settings: settings{whatsAppSecret: []byte("k"), verifyToken: "v", n8nSecret: "n",
			chatwootURL: "http://localhost:3000"},
		limiter: guard.NewRateLimiter(1, time.Now),
	}
	request := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer := httptest.NewRecorder()
	s.routes().ServeHTTP(answer, request)
	return answer
}

func TestASignedMessageIsAccepted(t *testing.T) {
	mac := hmac.New(sha256.New, []byte("k"))
	mac.Write([]byte("{}"))
	signature := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	if got := ask("POST", "/webhooks/whatsapp", "{}", "X-Hub-Signature-256", signature); got.Code != http.StatusAccepted {
		t.Fatal(got.Code)
	}
}

func TestAnUnsignedMessageIsRefused(t *testing.T) {
	if got := ask("POST", "/webhooks/whatsapp", "{}"); got.Code != http.StatusForbidden {
		t.Fatal(got.Code)
	}
}

func TestOnlyTheWorkflowHandsOver(t *testing.T) {
	body := `{"account": 1, "conversation": 42}`
	if got := ask("POST", "/webhooks/n8n", body); got.Code != http.StatusForbidden {
		t.Fatal(got.Code)
	}
	got := ask("POST", "/webhooks/n8n", body, "X-N8N-Secret", "n")
	if got.Body.String() != "http://localhost:3000/api/v1/accounts/1/conversations/42" {
		t.Fatal(got.Body)
	}
}
EOF
put cmd/server/main.go <<'EOF'
// Command server receives webhooks. With -check it asks a running one for its health.
package main

import (
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	"example.com/bmc/integrations/internal/guard"
	"example.com/bmc/integrations/internal/n8n"
)

func main() {
	port := os.Getenv("INTEGRATIONS_PORT")
	if len(os.Args) == 2 && os.Args[1] == "-check" {
		check("http://localhost:" + port + "/health")
		return
	}
	next, err := n8n.WebhookURL(os.Getenv("N8N_BASE_URL"), "quote")
	if err != nil {
		log.Fatal(err)
	}
	perMinute, err := strconv.Atoi(os.Getenv("INTEGRATIONS_RATE_PER_MINUTE"))
	if err != nil {
		log.Fatal("INTEGRATIONS_RATE_PER_MINUTE: ", err)
	}
	s := &service{
		settings: settings{
			whatsAppSecret: []byte(os.Getenv("WHATSAPP_APP_SECRET")),
			verifyToken:    os.Getenv("WHATSAPP_VERIFY_TOKEN"),
			n8nSecret:      os.Getenv("N8N_WEBHOOK_SECRET"),
			workflowURL:    next,
			chatwootURL:    os.Getenv("CHATWOOT_BASE_URL"),
		},
		limiter: guard.NewRateLimiter(perMinute, time.Now),
	}
	address := os.Getenv("INTEGRATIONS_HOST") + ":" + port
	log.Fatal(http.ListenAndServe(address, s.routes()))
}

func check(url string) {
	answer, err := http.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		log.Fatal(answer.Status)
	}
}
EOF
put .env.example <<'EOF'
# Where webhooks are received
INTEGRATIONS_HOST=127.0.0.1
INTEGRATIONS_PORT=8082
# Requests that a client may make
INTEGRATIONS_RATE_PER_MINUTE=600
# Meta signs messages with the secret, and names the token when the webhook is set up
WHATSAPP_APP_SECRET=
WHATSAPP_VERIFY_TOKEN=
# n8n sends the secret in the header X-N8N-Secret
N8N_BASE_URL=http://localhost:5678
N8N_WEBHOOK_SECRET=
CHATWOOT_BASE_URL=http://localhost:3000
EOF
put README.md <<'EOF'
# Integrations service

Connects WhatsApp, n8n and Chatwoot with the quotation service. Test it with `go test ./...`, start
it with `docker compose up`. The n8n node is in [n8n-nodes](n8n-nodes/README.md).

## Settings

| variable | what it is |
|---|---|
| `INTEGRATIONS_HOST`, `INTEGRATIONS_PORT` | where webhooks are received |
| `INTEGRATIONS_RATE_PER_MINUTE` | requests that a client may make |
| `WHATSAPP_APP_SECRET` | the key with which Meta signs messages (`X-Hub-Signature-256`) |
| `WHATSAPP_VERIFY_TOKEN` | what Meta names when the webhook is set up |
| `N8N_BASE_URL`, `N8N_WEBHOOK_SECRET` | where n8n is, and what it sends in `X-N8N-Secret` |
| `CHATWOOT_BASE_URL` | where people take over |
EOF
save bruno "Take messages from those only who know a secret"
put Dockerfile <<'EOF'
FROM golang:1.22.9-bookworm AS build
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 go build -o /server ./cmd/server

FROM gcr.io/distroless/static:nonroot
COPY --from=build /server /server
USER nonroot
ENV INTEGRATIONS_HOST=0.0.0.0
EXPOSE 8082
HEALTHCHECK CMD ["/server", "-check"]
ENTRYPOINT ["/server"]
EOF
put docker-compose.yml <<'EOF'
services:
  integrations:
    build: .
    container_name: bmc-integrations
    restart: unless-stopped
    ports: ["8082:8082"]
    environment:
      INTEGRATIONS_PORT: "8082"
      INTEGRATIONS_RATE_PER_MINUTE: "${INTEGRATIONS_RATE_PER_MINUTE}"
      WHATSAPP_APP_SECRET: "${WHATSAPP_APP_SECRET}"
      WHATSAPP_VERIFY_TOKEN: "${WHATSAPP_VERIFY_TOKEN}"
      N8N_BASE_URL: "http://n8n:5678"
      N8N_WEBHOOK_SECRET: "${N8N_WEBHOOK_SECRET}"
      CHATWOOT_BASE_URL: "${CHATWOOT_BASE_URL}"
    depends_on: [n8n]
    mem_limit: 128m
  n8n:
    image: n8nio/n8n:1.64.0
    container_name: bmc-n8n
    restart: unless-stopped
    ports: ["5678:5678"]
    healthcheck:
      test: ["CMD", "wget", "-q", "-O", "-", "http://localhost:5678/healthz"]
    mem_limit: 512m
EOF
save bruno "Run it in containers"
git checkout -q -b feature/retries
printf '\n// Attempts is how often a workflow is tried.\nconst Attempts = 3\n' >> internal/n8n/client.go
save ana "Plan retries"
git checkout -q main
cd ..
