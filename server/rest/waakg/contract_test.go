package waakg_test

import (
	"testing"

	"github.com/waystation/waystation/server/rest/contract"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/server/rest/waakg"
)

func TestContract(t *testing.T) {
	check := contract.Contract{
		Dialect: waakg.New(), Header: "X-Api-Key",
		Values:   resttest.Values{"sessionId": "s1", "id": "s1", "jid": "15550100009@g.us", "action": "start", "filename": "s1-3EB0.jpg"},
		Rules:    resttest.Rules{Literal: []string{"status", "success", "error"}, Extra: []string{"status", "success"}},
		Failures: resttest.Rules{Extra: []string{"fields", "reason"}},
	}
	check.Check(t)
}
