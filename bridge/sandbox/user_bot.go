package sandbox

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// The one assistant of the network. It has a profile but no endpoint: messages to it are refused like those to unknown accounts.
const (
	botPersona = "867051314767696$760019659443059"
	botName    = "Sandbox Assistant"
)

var botJID = types.NewJID("13135550002", types.DefaultUserServer)

func (n *Network) botRoutes() iqRoutes {
	return iqRoutes{"bot/get/bot": func(r *request) ([]waBinary.Node, error) {
		if text(r.child(), "v") != "2" {
			return nil, iqFail(400)
		}
		return []waBinary.Node{{Tag: "bot", Content: []waBinary.Node{{
			Tag: "section", Attrs: waBinary.Attrs{"type": "all", "name": "All"},
			Content: []waBinary.Node{{Tag: "bot", Attrs: waBinary.Attrs{"jid": botJID, "persona_id": botPersona}}},
		}}}}, nil
	}}
}

// registerBotFields adds the bot field of usync queries. The profile is complete because whatsmeow panics on one that is not.
func (n *Network) registerBotFields() {
	n.addUsyncField("bot", func(q *usyncQuery) *waBinary.Node {
		name, persona := botName, botPersona
		if q.jid.User != botJID.User {
			name, persona = "", ""
		}
		bytes := func(tag, value string) waBinary.Node { return leaf(tag, []byte(value)) }
		return &waBinary.Node{Tag: "bot", Content: []waBinary.Node{{
			Tag: "profile", Attrs: waBinary.Attrs{"persona_id": persona},
			Content: []waBinary.Node{
				bytes("name", name), bytes("attributes", "synthetic"), bytes("description", "Answers nobody."), bytes("category", "assistant"),
				{Tag: "default"},
				{Tag: "commands", Content: []waBinary.Node{
					bytes("description", "What it can do"),
					{Tag: "command", Content: []waBinary.Node{bytes("name", "help"), bytes("description", "Lists commands")}},
				}},
				{Tag: "prompts", Content: []waBinary.Node{
					{Tag: "prompt", Content: []waBinary.Node{bytes("emoji", "👋"), bytes("text", "Say hello")}},
				}},
			},
		}}}
	})
}
