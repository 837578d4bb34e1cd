package sandbox

import (
	"fmt"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// maxBots bounds the bots of a network.
const maxBots = 100

// Bot is an assistant that accounts can write to. It has two addresses: lists and profiles name the phone number,
// messages go to the id at the server "bot".
type Bot struct {
	Number      string // 1313555xxxx, the numbers of WhatsApp's bots
	ID          string // digits before @bot; also the start of its persona's id
	Persona     string // rest of its persona's id
	Name        string
	Description string
	Category    string
	Default     bool // the bot that clients offer first
	Commands    []BotCommand
	Prompts     []BotPrompt
}

// BotCommand is a command that a bot knows.
type BotCommand struct{ Name, Description string }

// BotPrompt is a suggested message to a bot.
type BotPrompt struct{ Emoji, Text string }

// assistant is the bot of a new network.
var assistant = Bot{
	Number: types.MetaAIJID.User, ID: types.NewMetaAIJID.User, Persona: "760019659443059", Name: "Sandbox Assistant", Description: "Answers nobody.",
	Category: "assistant", Default: true, Commands: []BotCommand{{"help", "Lists commands"}}, Prompts: []BotPrompt{{"👋", "Say hello"}},
}

func (b *Bot) persona() string { return b.ID + "$" + b.Persona }

func (b *Bot) jid() types.JID { return types.NewJID(b.Number, types.DefaultUserServer) }

// registerBots adds the assistant of new networks, the list of bots and the bot field of usync queries.
func (n *Network) registerBots() {
	n.botAccounts = map[string]*account{}
	n.addIQ(iqRoutes{"bot/get/bot": n.listBots})
	n.addUsyncField("bot", n.botProfile)
	n.messageRoutes[types.BotServer] = n.directMessage
	if _, err := n.AddBot(assistant); err != nil {
		panic(err)
	}
}

// AddBot adds a bot and returns its phone, which gets the messages to it; Phone.AnswerAsBot answers them. The error
// wraps ErrBadJID, ErrAccountExists or ErrClosed.
func (n *Network) AddBot(bot Bot) (*Phone, error) {
	jid := types.NewJID(bot.ID, types.BotServer)
	if strings.Trim(bot.ID, "0123456789") != "" || bot.ID == "" || !bot.jid().IsBot() || bot.Name == "" {
		return nil, fmt.Errorf("sandbox: %w: %q, %q cannot be a bot", ErrBadJID, bot.Number, bot.ID)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
		return nil, fmt.Errorf("sandbox: %w", ErrClosed)
	case n.botAccounts[bot.ID] != nil || n.botOf(bot.jid()) != nil:
		return nil, fmt.Errorf("sandbox: %w: %s", ErrAccountExists, bot.ID)
	case len(n.bots) >= maxBots:
		return nil, fmt.Errorf("sandbox: more than %d bots", maxBots)
	}
	a := &account{
		pn: bot.jid(), lid: jid, pushName: bot.Name, platform: "bot", devices: map[uint16]*device{}, registeredAt: n.now(),
		followers: map[*account]struct{}{}, watchers: map[*device]struct{}{},
	}
	a.phone = newPhone(n, a)
	a.devices[0] = a.phone.device
	n.botAccounts[bot.ID] = a
	n.bots = append(n.bots, &bot)
	return a.phone, nil
}

// botOf returns the bot with a phone number; nil if there is none. Call under n.mu.
func (n *Network) botOf(jid types.JID) *Bot {
	for _, bot := range n.bots {
		if bot.Number == jid.User && jid.Server == types.DefaultUserServer {
			return bot
		}
	}
	return nil
}

// listBots returns all bots.
func (n *Network) listBots(r *request) ([]waBinary.Node, error) {
	if text(r.child(), "v") != "2" {
		return nil, iqFail(400)
	}
	var list []waBinary.Node
	for _, bot := range n.bots {
		list = append(list, waBinary.Node{Tag: "bot", Attrs: waBinary.Attrs{"jid": bot.jid(), "persona_id": bot.persona()}})
	}
	return []waBinary.Node{{Tag: "bot", Content: []waBinary.Node{
		{Tag: "section", Attrs: waBinary.Attrs{"type": "all", "name": "All"}, Content: list},
	}}}, nil
}

// botProfile answers the bot field of a usync query. The profile of other users is empty but has all parts, because
// whatsmeow panics on one that has not.
func (n *Network) botProfile(q *usyncQuery) *waBinary.Node {
	bot, persona := n.botOf(q.jid), ""
	if bot == nil {
		bot = &Bot{}
	} else {
		persona = bot.persona()
	}
	text := func(tag, value string) waBinary.Node { return leaf(tag, []byte(value)) }
	commands := []waBinary.Node{text("description", "What it can do")}
	for _, command := range bot.Commands {
		commands = append(commands, waBinary.Node{Tag: "command", Content: []waBinary.Node{text("name", command.Name), text("description", command.Description)}})
	}
	var prompts []waBinary.Node
	for _, prompt := range bot.Prompts {
		prompts = append(prompts, waBinary.Node{Tag: "prompt", Content: []waBinary.Node{text("emoji", prompt.Emoji), text("text", prompt.Text)}})
	}
	parts := []waBinary.Node{
		text("name", bot.Name), text("attributes", "synthetic"), text("description", bot.Description), text("category", bot.Category),
		{Tag: "commands", Content: commands},
		{Tag: "prompts", Content: prompts},
	}
	if bot.Default {
		parts = append(parts, waBinary.Node{Tag: "default"})
	}
	return &waBinary.Node{Tag: "bot", Content: []waBinary.Node{
		{Tag: "profile", Attrs: waBinary.Attrs{"persona_id": persona}, Content: parts},
	}}
}
