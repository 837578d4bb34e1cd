package business

import (
	"context"
	"fmt"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/bridge/wa"
)

// maxBots bounds the bots of a query.
const maxBots = 100

// Bot is an entry of the list of bots.
type Bot struct {
	Contact     string  `json:"contact" doc:"bot"`
	ContactKey  *string `json:"contact_key" doc:"stable key of the bot"`
	PersonaID   string  `json:"persona_id" doc:"persona"`
	Name        *string `json:"name" doc:"name"`
	Description *string `json:"description" doc:"text"`
	Verified    *bool   `json:"verified" doc:"null: WhatsApp does not report it"`
}

// BotProfile is the profile of a bot.
type BotProfile struct {
	Bot
	Category            *string      `json:"category" doc:"kind of bot"`
	Attributes          *string      `json:"attributes" doc:"properties, as WhatsApp names them"`
	Prompts             []string     `json:"prompts" doc:"suggested messages: emoji and text"`
	Commands            []BotCommand `json:"commands" doc:"commands"`
	CommandsDescription *string      `json:"commands_description" doc:"text about the commands"`
	IsDefault           bool         `json:"is_default" doc:"the bot that WhatsApp offers first"`
	PictureURL          *string      `json:"picture_url" doc:"address of the picture; null when there is none"`
}

// BotCommand is a command that a bot knows.
type BotCommand struct {
	Name        string `json:"name" doc:"name"`
	Description string `json:"description" doc:"text"`
}

// ListBots lists the bots that WhatsApp offers, at most 100.
func (s *Service) ListBots(ctx context.Context) ([]Bot, error) {
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	offered, err := listBots(ctx, client)
	if err != nil {
		return nil, err
	}
	profiles, err := queryBots(ctx, client, offered)
	if err != nil {
		return nil, err
	}
	bots := make([]Bot, len(offered))
	for i, bot := range offered {
		bots[i] = Bot{Contact: bot.BotJID.String(), PersonaID: bot.PersonaID}
		for j := range profiles {
			if profiles[j].Contact == bots[i].Contact {
				bots[i] = profiles[j].Bot
			}
		}
	}
	return bots, nil
}

// parseBot parses the address of a bot: those of the server "bot", and phone numbers.
func parseBot(field, value string) (types.JID, error) {
	jid, err := wa.ParseJID(field, value)
	if err == nil && jid.Server != types.BotServer {
		return wa.ParsePerson(field, value)
	}
	return jid, err
}

// ListBotProfiles returns the profiles of bots. Those that WhatsApp does not offer are left out.
func (s *Service) ListBotProfiles(ctx context.Context, wanted []string) ([]BotProfile, error) {
	if len(wanted) == 0 || len(wanted) > maxBots {
		return nil, wa.BadParam("contacts", "must have 1 to %d bots", maxBots)
	}
	isWanted := map[types.JID]bool{}
	for i, contact := range wanted {
		jid, err := parseBot(fmt.Sprintf("contacts/%d", i), contact)
		if err != nil {
			return nil, err
		}
		isWanted[jid.ToNonAD()] = true
	}
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	offered, err := listBots(ctx, client)
	if err != nil {
		return nil, err
	}
	var chosen []types.BotListInfo
	for _, bot := range offered {
		if isWanted[bot.BotJID.ToNonAD()] {
			chosen = append(chosen, bot)
		}
	}
	profiles, err := queryBots(ctx, client, chosen)
	for i := range profiles {
		jid, _ := types.ParseJID(profiles[i].Contact)
		if picture, err := contacts.QueryPicture(ctx, client, jid, nil); err == nil && picture != nil {
			profiles[i].PictureURL = picture.URL
		}
	}
	return profiles, err
}

// listBots returns the first bots of the list.
func listBots(ctx context.Context, client *whatsmeow.Client) ([]types.BotListInfo, error) {
	bots, err := client.GetBotListV2(ctx)
	if err != nil {
		return nil, wa.Wrap("list the bots", err)
	}
	return bots[:min(len(bots), maxBots)], nil
}

// queryBots reads the profiles of bots; parts that an answer lacks are null. whatsmeow.Client.GetBotProfiles panics on
// an incomplete profile.
func queryBots(ctx context.Context, client *whatsmeow.Client, bots []types.BotListInfo) ([]BotProfile, error) {
	profiles := make([]BotProfile, 0, len(bots))
	if len(bots) == 0 {
		return profiles, nil
	}
	jids := make([]types.JID, len(bots))
	for i, bot := range bots {
		jids[i] = bot.BotJID
	}
	list, err := client.DangerousInternals().Usync(ctx, jids, "query", "interactive", []waBinary.Node{
		{Tag: "bot", Content: []waBinary.Node{{Tag: "profile", Attrs: waBinary.Attrs{"v": "1"}}}},
	}, whatsmeow.UsyncQueryExtras{BotListInfo: bots})
	if err != nil {
		return nil, wa.Wrap("read the profiles of bots", err)
	}
	for _, user := range list.GetChildren() {
		attrs := user.AttrGetter()
		jid := attrs.OptionalJIDOrEmpty("jid")
		profile, ok := user.GetOptionalChildByTag("bot", "profile")
		if jid.IsEmpty() || !ok {
			continue
		}
		profiles = append(profiles, botProfile(jid, &profile))
	}
	return profiles, nil
}

func botProfile(jid types.JID, node *waBinary.Node) BotProfile {
	childText := func(n *waBinary.Node, tag string) *string {
		child := n.GetChildByTag(tag)
		return wa.OrNull(plainText(child))
	}
	profile := BotProfile{
		Bot: Bot{
			Contact: jid.ToNonAD().String(), PersonaID: node.AttrGetter().OptionalString("persona_id"),
			Name: childText(node, "name"), Description: childText(node, "description"),
		},
		Category: childText(node, "category"), Attributes: childText(node, "attributes"), Prompts: []string{}, Commands: []BotCommand{},
	}
	_, profile.IsDefault = node.GetOptionalChildByTag("default")
	commands := node.GetChildByTag("commands")
	profile.CommandsDescription = childText(&commands, "description")
	for _, command := range commands.GetChildrenByTag("command") {
		profile.Commands = append(profile.Commands, BotCommand{Name: plainText(command.GetChildByTag("name")), Description: plainText(command.GetChildByTag("description"))})
	}
	prompts := node.GetChildByTag("prompts")
	for _, prompt := range prompts.GetChildrenByTag("prompt") {
		profile.Prompts = append(profile.Prompts, plainText(prompt.GetChildByTag("emoji"))+" "+plainText(prompt.GetChildByTag("text")))
	}
	return profile
}

// plainText returns the content of a node, which may be missing or of another kind.
func plainText(node waBinary.Node) string {
	content, _ := node.Content.([]byte)
	return string(content)
}
