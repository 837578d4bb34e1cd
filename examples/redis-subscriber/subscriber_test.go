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
	programs := map[string][]string{"go": {exampletest.Build(t, ".")}, "node": {exampletest.Node(t, "@redis/client"), "subscriber.js"}}
	world := exampletest.Start(t, "WAYSTATION_GLOBAL_REDIS_ENABLED=true", "WAYSTATION_GLOBAL_REDIS_URL="+redis.URL(),
		`WAYSTATION_GLOBAL_REDIS_OPTIONS={"max_bytes":4096}`)
	runs, states := map[string]func() *exampletest.Process{}, map[string]string{}
	for name, command := range programs {
		state := filepath.Join(t.TempDir(), "state.json")
		env := []string{"REDIS_URL=" + redis.URL(), "STREAM=waystation:shop", "STATE_FILE=" + state}
		states[name] = state
		runs[name] = func() *exampletest.Process { return exampletest.Run(t, env, command[0], command[1:]...) }
	}
	said := map[string]string{}
	world.Say("first words")
	for name, run := range runs {
		p := run()
		offset, _ := strconv.ParseUint(p.Wait(`shop (\d+) .*first words`), 10, 64)
		exampletest.Eventually(t, "its place is saved", func() bool {
			var saved place
			text, _ := os.ReadFile(states[name])
			return json.Unmarshal(text, &saved) == nil && saved.Offset >= offset
		})
		p.Kill()
		said[name] = p.Said()
	}
	world.Say("second words")
	world.Say(strings.Repeat("more than the stream takes ", 200))
	redis.Kill()
	world.Say("third words")
	redis.Start(t)
	for name, run := range runs {
		p := run()
		p.Wait("is too large for the stream")
		p.Wait("third words")
		exampletest.OnceInOrder(t, said[name]+p.Said(), "first words", "second words", "third words")
		p.Kill()
	}
	world.PairAgain()
	world.Say("fourth words")
	for _, run := range runs {
		p := run()
		p.Wait("fourth words")
		exampletest.OnceInOrder(t, p.Said(), "fourth words")
	}
}
