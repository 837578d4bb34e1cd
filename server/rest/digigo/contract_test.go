package digigo_test

// The recorded calls of the operations.
//go:generate go test -count=1 -run TestContract . -update

import (
	"testing"

	"github.com/waystation/waystation/server/rest/contract"
	"github.com/waystation/waystation/server/rest/digigo"
	"github.com/waystation/waystation/server/rest/resttest"
)

func TestContract(t *testing.T) {
	check := contract.Contract{
		Dialect: digigo.New(), Header: "Token", AdminHeader: "Authorization", Values: resttest.Values{"id": 7, "transport": "webhook", "confirm": true, "groupJID": "120363000000000001@g.us"},
		Rules:    resttest.Rules{Literal: []string{".code", ".success", "error", "Details", "details"}},
		Failures: resttest.Rules{Extra: []string{"fields", "reason", "details"}},
	}
	check.Check(t)
}
