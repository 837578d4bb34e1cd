package socket

import (
	"testing"

	"github.com/waystation/waystation/server/socket/sockettest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	sockettest.Main()
	goleak.VerifyTestMain(m)
}
