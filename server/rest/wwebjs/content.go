package wwebjs

import (
	"regexp"
	"strconv"
	"strings"
)

// finishContent makes the fields of a message that depend on its content.
func (m *message) finishContent() {
	n := &m.Native
	m.AckNumber, _ = strconv.Atoi(string(m.Ack)) // 0 for received messages
	m.HasMedia, m.HasQuotedMsg, m.HasReaction, m.IsEphemeral = n.MediaType != nil, n.Quoted != nil, n.Reactions > 0, n.Lifetime > 0
	if n.Seconds > 0 {
		m.Duration = strconv.Itoa(n.Seconds)
	}
	m.GroupMentions, m.VCards, m.Links = []wid{}, []string{}, linksIn(m.Body)
	for _, card := range n.Contacts {
		m.VCards = append(m.VCards, card.VCard)
	}
	switch {
	case n.Deleted != nil:
		m.Type, m.Body = "revoked", ""
	case len(m.VCards) > 1:
		m.Type = "multi_vcard"
	case len(m.VCards) == 1:
		m.Body = m.VCards[0]
	case n.Voice:
		m.Type = "ptt"
	case n.Selection == "button":
		m.Type, m.SelectedButton = "buttons_response", n.Selected
	case n.Selection == "row":
		m.Type, m.SelectedRow = "list_response", n.Selected
	}
	if n.Answers != nil {
		m.ManyAnswers = new(*n.Answers != 1)
	}
	for i := range m.PollOptions {
		m.PollOptions[i].LocalID = i
	}
}

var linkText = regexp.MustCompile(`(?i)\bhttps?://[^\s<>"]+`)

// linksIn returns the links in a text.
func linksIn(text string) []link {
	links := []link{}
	for _, found := range linkText.FindAllString(text, -1) {
		links = append(links, link{Link: strings.TrimRight(found, ".,;:!?)")})
	}
	return links
}
