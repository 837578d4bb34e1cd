package sandbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/appstate"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waSyncAction"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

// contactVersion is WhatsApp's action version of address book entries.
const contactVersion = 2

// ErrAboutTooLong: the about text is beyond 139 characters or not valid UTF-8.
var ErrAboutTooLong = errors.New("about text too long")

// SetAbout changes the account's about text.
func (p *Phone) SetAbout(about string) error {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if !p.net.setAbout(p.account, About{Text: about}) {
		return fmt.Errorf("sandbox: %w", ErrAboutTooLong)
	}
	return nil
}

// About returns the account's about text.
func (p *Phone) About() string {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	p.net.dropOldAbout(p.account)
	return p.account.aboutText()
}

// FullAbout returns the account's about with its emoji and duration.
func (p *Phone) FullAbout() About {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	p.net.dropOldAbout(p.account)
	return p.account.profile.about
}

// SetPicture replaces the account's picture by a JPEG; nil removes it. It returns the id of the new picture.
func (p *Phone) SetPicture(jpeg []byte) (string, error) { return p.setPicture(types.EmptyJID, jpeg) }

// SetGroupPicture replaces a group's picture by a JPEG; nil removes it. It returns the id of the new picture.
func (p *Phone) SetGroupPicture(group types.JID, jpeg []byte) (string, error) {
	return p.setPicture(group, jpeg)
}

func (p *Phone) setPicture(target types.JID, jpeg []byte) (string, error) {
	var children []waBinary.Node
	if jpeg != nil {
		node := leaf("picture", jpeg)
		node.Attrs = waBinary.Attrs{"type": "image"}
		children = append(children, node)
	}
	reply, err := p.sendRequestAbout("w:profile:picture", "set", types.ServerJID, target, children...)
	if err != nil {
		return "", err
	}
	set := reply.GetChildByTag("picture")
	return text(&set, "id"), nil
}

// SetPushName changes the name the account shows to others, on all its devices.
func (p *Phone) SetPushName(ctx context.Context, name string) error {
	return p.ChangeState(ctx, appstate.BuildSettingPushName(name))
}

// SaveContact adds a user to the account's address book.
func (p *Phone) SaveContact(ctx context.Context, jid types.JID, firstName, fullName string) error {
	return p.ChangeState(ctx, appstate.PatchInfo{Type: appstate.WAPatchCriticalUnblockLow, Mutations: []appstate.MutationInfo{{
		Index: []string{appstate.IndexContact, jid.String()}, Version: contactVersion,
		Value: &waSyncAction.SyncActionValue{ContactAction: &waSyncAction.ContactAction{FirstName: proto.String(firstName), FullName: proto.String(fullName)}},
	}}})
}

// PinChat pins or unpins a chat on all devices of the account.
func (p *Phone) PinChat(ctx context.Context, chat types.JID, on bool) error {
	return p.ChangeState(ctx, appstate.BuildPin(chat, on))
}

// MuteChat mutes a chat for a duration; 0 unmutes it and a negative duration mutes it without end.
func (p *Phone) MuteChat(ctx context.Context, chat types.JID, d time.Duration) error {
	if d < 0 {
		return p.ChangeState(ctx, appstate.BuildMute(chat, true, 0))
	}
	return p.ChangeState(ctx, appstate.BuildMute(chat, d > 0, d))
}

// ArchiveChat archives or unarchives a chat.
func (p *Phone) ArchiveChat(ctx context.Context, chat types.JID, on bool) error {
	return p.ChangeState(ctx, appstate.BuildArchive(chat, on, p.net.now(), nil))
}

// MarkChatRead marks a chat as read or unread on the account's own devices; it sends no receipts.
func (p *Phone) MarkChatRead(ctx context.Context, chat types.JID, read bool) error {
	return p.ChangeState(ctx, appstate.BuildMarkChatAsRead(chat, read, p.net.now(), nil))
}

// StarMessage stars or unstars a message.
func (p *Phone) StarMessage(ctx context.Context, chat, sender types.JID, id types.MessageID, fromMe, on bool) error {
	return p.ChangeState(ctx, appstate.BuildStar(chat, sender, id, fromMe, on))
}

// SetPrivacy changes one privacy setting. The error is a *RequestError with code 400 if the setting has no such value.
func (p *Phone) SetPrivacy(name types.PrivacySettingType, value types.PrivacySetting) error {
	_, err := p.sendRequest("privacy", "set", types.ServerJID, waBinary.Node{Tag: "privacy", Content: []waBinary.Node{categoryNode(string(name), string(value))}})
	return err
}

// Block adds a user to the account's block list.
func (p *Phone) Block(jid types.JID) error {
	return p.changeBlock(jid, events.BlocklistChangeActionBlock)
}

// Unblock removes a user from the account's block list.
func (p *Phone) Unblock(jid types.JID) error {
	return p.changeBlock(jid, events.BlocklistChangeActionUnblock)
}

func (p *Phone) changeBlock(jid types.JID, action events.BlocklistChangeAction) error {
	_, err := p.sendRequest("blocklist", "set", types.ServerJID, waBinary.Node{Tag: "item", Attrs: waBinary.Attrs{"jid": jid, "action": string(action)}})
	return err
}
