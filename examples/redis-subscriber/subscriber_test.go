package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/waystation/waystation/examples/internal/exampletest"
	"github.com/waystation/waystation/transports/brokertest"
)

// Both programs get each message once and in order, although they and Redis are killed in between, and the session is made
// anew.
func TestSubscribers(t *testing.T) {
	redis := brokertest.Redis(t, brokertest.RedisOptions{Persist: true})
	programs := map[string][]string{"go": {exampletest.BuildProgram(t, ".")}, "node": {exampletest.RequireNode(t, "@redis/client"), "subscriber.js"}}
	world := exampletest.Start(t, "WAYSTATION_GLOBAL_REDIS_ENABLED=true", "WAYSTATION_GLOBAL_REDIS_URL="+redis.URL(),
		`WAYSTATION_GLOBAL_REDIS_OPTIONS={"max_bytes":4096}`)
	runs, states := map[string]func() *exampletest.Process{}, map[string]string{}
	for name, command := range programs {
		state := filepath.Join(t.TempDir(), "state.json")
		env := []string{"REDIS_URL=" + redis.URL(), "STREAM=waystation:shop", "STATE_FILE=" + state}
		states[name] = state
		runs[name] = func() *exampletest.Process { return exampletest.RunProgram(t, env, command[0], command[1:]...) }
	}
	said := map[string]string{}
	world.SendText("first words")
	for name, run := range runs {
		p := run()
		offset, _ := strconv.ParseUint(p.WaitFor(`shop (\d+) .*first words`), 10, 64)
		exampletest.Eventually(t, "its place is saved", func() bool {
			var saved place
			text, _ := os.ReadFile(states[name])
			return json.Unmarshal(text, &saved) == nil && saved.Offset >= offset
		})
		p.Kill()
		said[name] = p.AllOutput()
	}
	world.SendText("second words")
	world.SendText(strings.Repeat("more than the stream takes ", 200))
	redis.Kill()
	world.SendText("third words")
	redis.Start(t)
	for name, run := range runs {
		p := run()
		p.WaitFor("is too large for the stream")
		p.WaitFor("third words")
		exampletest.OnceInOrder(t, said[name]+p.AllOutput(), "first words", "second words", "third words")
		p.Kill()
	}
	world.PairAgain()
	world.SendText("fourth words")
	for _, run := range runs {
		p := run()
		p.WaitFor("fourth words")
		exampletest.OnceInOrder(t, p.AllOutput(), "fourth words")
	}
}
