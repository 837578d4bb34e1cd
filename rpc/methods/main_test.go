package methods_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/waystation/waystation/bridge/sandbox"
	"github.com/waystation/waystation/transports/kit/testkit"
)

func TestMain(m *testing.M) {
	sandbox.Activate()
	goleak.VerifyTestMain(m, testkit.LibraryLeaks()...)
}
