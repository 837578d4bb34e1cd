// Package echobot_test runs the bot against a real server on the simulated network.
package echobot_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/waystation/waystation/examples/internal/exampletest"
)

func TestBotAnswersAndResumes(t *testing.T) {
	node, binary := exampletest.Node(t, "ws"), exampletest.Build(t, "../../server")
	network := exampletest.Run(t, nil, binary, "sandbox").Wait(`address (\S+)`)
	address, dir := exampletest.FreeAddress(t), t.TempDir()
	serve := func() *exampletest.World {
		return exampletest.Serve(t, binary, address, nil, "-sandbox-addr", network, "-data-dir", dir)
	}
	w := serve()
	token := w.Pair(nil)

	env := []string{"WAYSTATION_URL=ws://" + address + "/v1/ws", "WAYSTATION_TOKEN=" + token, "STATE_FILE=" + filepath.Join(t.TempDir(), "state.json")}
	bot := exampletest.Run(t, env, node, "bot.js")
	bot.Wait("(connected), shop at")
	w.Say("one")
	w.Answered("one")

	// The server dies; what is said meanwhile is answered once both are back.
	w.Server.Kill()
	w.At = network // which answers sandbox calls itself
	w.Say("two")
	w = serve()
	w.Answered("two")

	// The bot dies; its next run goes on where it stopped.
	bot.Kill()
	w.Say("three")
	w.Say("four")
	exampletest.Run(t, env, node, "bot.js")
	w.Answered("three")
	w.Answered("four")

	var texts []string
	for _, m := range w.Call("sandbox.listMessages", exampletest.Object{"account": exampletest.Peer, "from_me": false})["messages"].([]any) {
		texts = append(texts, m.(exampletest.Object)["text"].(string))
	}
	if got := strings.Join(texts, " "); got != "one two three four" {
		t.Errorf("the peer was answered %q", got)
	}
}

func TestBotStopsWithABadToken(t *testing.T) {
	node := exampletest.Node(t, "ws")
	w := exampletest.Serve(t, exampletest.Build(t, "../../server"), exampletest.FreeAddress(t), nil, "-sandbox", "-data-dir", t.TempDir())
	bot := exampletest.Run(t, []string{"WAYSTATION_URL=ws://" + w.Address + "/v1/ws", "WAYSTATION_TOKEN=nobody-has-this-token"}, node, "bot.js")
	bot.Wait("(401)")
}
