package bridge_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/waystation/waystation/bridge/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Activate()
	goleak.VerifyTestMain(m)
}
