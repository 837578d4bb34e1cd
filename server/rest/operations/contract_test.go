package operations_test

import (
	"testing"

	"github.com/waystation/waystation/server/rest/contract"
	"github.com/waystation/waystation/server/rest/operations"
	"github.com/waystation/waystation/server/rest/resttest"
)

func TestContract(t *testing.T) {
	check := contract.Contract{
		Dialect: operations.New(), Header: "Authorization",
		Values: resttest.Values{"session_id": "s1", "jid": "15550100002@s.whatsapp.net", "jids": []string{"15550100002@s.whatsapp.net"}},
		Rules:  resttest.Rules{Literal: []string{"success", ".error"}}, Failures: resttest.Rules{Extra: []string{"fields"}},
	}
	check.Check(t)
}
