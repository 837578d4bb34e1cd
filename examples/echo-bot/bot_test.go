// Package echobot_test runs the bot against a real server on the simulated network.
package echobot_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/waystation/waystation/examples/internal/exampletest"
)

func TestBotAnswersAndResumes(t *testing.T) {
	node, binary := exampletest.RequireNode(t, "ws"), exampletest.BuildProgram(t, "../../server")
	network := exampletest.RunProgram(t, nil, binary, "sandbox").WaitFor(`address (\S+)`)
	address, dir := exampletest.FreeAddress(t), t.TempDir()
	serve := func() *exampletest.World {
		return exampletest.StartServer(t, binary, address, nil, "-sandbox-addr", network, "-data-dir", dir)
	}
	w := serve()
	token := w.PairSession(nil)

	env := []string{"WAYSTATION_URL=ws://" + address + "/v1/ws", "WAYSTATION_TOKEN=" + token, "STATE_FILE=" + filepath.Join(t.TempDir(), "state.json")}
	bot := exampletest.RunProgram(t, env, node, "bot.js")
	bot.WaitFor("(connected), shop at")
	w.SendText("one")
	w.AwaitText("one")

	// The server dies; what is said meanwhile is answered once both are back.
	w.Server.Kill()
	w.At = network // which answers sandbox calls itself
	w.SendText("two")
	w = serve()
	w.AwaitText("two")

	// The bot dies; its next run goes on where it stopped.
	bot.Kill()
	w.SendText("three")
	w.SendText("four")
	exampletest.RunProgram(t, env, node, "bot.js")
	w.AwaitText("three")
	w.AwaitText("four")

	var texts []string
	for _, m := range w.Call("sandbox.listMessages", exampletest.Object{"account": exampletest.Peer, "from_me": false})["messages"].([]any) {
		texts = append(texts, m.(exampletest.Object)["text"].(string))
	}
	if got := strings.Join(texts, " "); got != "one two three four" {
		t.Errorf("the peer was answered %q", got)
	}
}

func TestBotStopsWithABadToken(t *testing.T) {
	node := exampletest.RequireNode(t, "ws")
	w := exampletest.StartServer(t, exampletest.BuildProgram(t, "../../server"), exampletest.FreeAddress(t), nil, "-sandbox", "-data-dir", t.TempDir())
	bot := exampletest.RunProgram(t, []string{"WAYSTATION_URL=ws://" + w.Address + "/v1/ws", "WAYSTATION_TOKEN=nobody-has-this-token"}, node, "bot.js")
	bot.WaitFor("(401)")
}
