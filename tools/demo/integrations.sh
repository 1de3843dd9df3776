# shellcheck shell=bash
# integrations-service, first half: WhatsApp, n8n and Chatwoot, with their tests.

start integrations-service
put README.md <<'EOF'
# Integrations service

Connects WhatsApp, n8n and Chatwoot with the quotation service.
EOF
licence
put go.mod <<'EOF'
module example.com/bmc/integrations

go 1.21
EOF
save carla "Start the integrations service"
put internal/whatsapp/signature.go <<'EOF'
// Package whatsapp receives messages of the WhatsApp Business API.
package whatsapp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// ValidSignature checks the X-Hub-Signature-256 header of a webhook in constant time.
func ValidSignature(secret, body []byte, header string) bool {
	given, err := hex.DecodeString(strings.TrimPrefix(header, "sha256="))
	if err != nil || len(secret) == 0 {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return hmac.Equal(given, mac.Sum(nil))
}
EOF
save carla "Check signatures of WhatsApp webhooks"
put internal/whatsapp/signature_test.go <<'EOF'
package whatsapp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

func sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func TestAGoodSignatureIsAccepted(t *testing.T) {
	if !ValidSignature([]byte("k"), []byte("hello"), sign("k", "hello")) {
		t.Fatal("refused")
	}
}

func TestAnotherBodyIsRefused(t *testing.T) {
	if ValidSignature([]byte("k"), []byte("changed"), sign("k", "hello")) {
		t.Fatal("accepted")
	}
}

func TestWithoutASecretNothingIsAccepted(t *testing.T) {
	if ValidSignature(nil, []byte("hello"), sign("", "hello")) {
		t.Fatal("accepted")
	}
}
EOF
save bruno "Test the signatures"
put internal/n8n/client.go <<'EOF'
// Package n8n starts workflows.
package n8n

import (
	"errors"
	"net/url"
)

// WebhookURL joins the base address of n8n and the path of a workflow.
func WebhookURL(base, workflow string) (string, error) {
	if workflow == "" {
		return "", errors.New("n8n: the workflow has no name")
	}
	return url.JoinPath(base, "webhook", workflow)
}
EOF
save bruno "Call n8n workflows"
put internal/n8n/client_test.go <<'EOF'
package n8n

import "testing"

func TestTheWorkflowIsPartOfTheAddress(t *testing.T) {
	got, err := WebhookURL("http://localhost:5678", "quote")
	if err != nil || got != "http://localhost:5678/webhook/quote" {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestAWorkflowNeedsAName(t *testing.T) {
	if _, err := WebhookURL("http://localhost:5678", ""); err == nil {
		t.Fatal("accepted")
	}
}
EOF
save ana "Test the n8n client"
put internal/chatwoot/inbox.go <<'EOF'
// Package chatwoot hands conversations to people.
package chatwoot

import "strconv"

// ConversationPath is where the API of an account keeps a conversation.
func ConversationPath(account, conversation int) string {
	return "/api/v1/accounts/" + strconv.Itoa(account) + "/conversations/" + strconv.Itoa(conversation)
}
EOF
put internal/chatwoot/inbox_test.go <<'EOF'
package chatwoot

import "testing"

func TestTheConversationBelongsToItsAccount(t *testing.T) {
	if got := ConversationPath(1, 42); got != "/api/v1/accounts/1/conversations/42" {
		t.Fatal(got)
	}
}
EOF
save carla "Hand over to Chatwoot"
as carla
git tag -a -m "Before the server" v1.0.0
