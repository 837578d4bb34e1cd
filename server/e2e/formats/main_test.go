package formats

import (
	"os"
	"testing"

	"github.com/waystation/waystation/server/e2e/e2etest"
)

func TestMain(m *testing.M) { os.Exit(e2etest.Main(m)) }

type object = e2etest.Object
