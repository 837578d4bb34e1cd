package wwebjs_test

import (
	"testing"

	"github.com/waystation/waystation/server/rest/contract"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/server/rest/wwebjs"
)

func TestContract(t *testing.T) {
	check := contract.Contract{
		Dialect: wwebjs.New(), Header: "X-Api-Key", Values: resttest.Values{"sessionId": "s1", "chatId": "15550100002@c.us"},
		Rules: resttest.Rules{Literal: []string{"success", "error"}}, Failures: resttest.Rules{Extra: []string{"fields"}},
	}
	check.Check(t)
}
