package dispatch

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/waystation/waystation/transports/kit/database/dbtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(crashChildEnv) != "" {
		crashChild()
		return
	}
	goleak.VerifyTestMain(dbtest.Runner{M: m})
}
