package wuzapi_test

// The recorded calls of the operations.
//go:generate go test -count=1 -run TestContract . -update

import (
	"testing"

	"github.com/waystation/waystation/server/rest/contract"
	"github.com/waystation/waystation/server/rest/resttest"
	"github.com/waystation/waystation/server/rest/wuzapi"
)

func TestContract(t *testing.T) {
	check := contract.Contract{
		Dialect: wuzapi.New(), Header: "Token", AdminHeader: "Authorization",
		Rules: resttest.Rules{Literal: []string{"code", "success", "error", "Details", "details"}}, Failures: resttest.Rules{Extra: []string{"fields", "reason"}},
	}
	check.Check(t)
}
