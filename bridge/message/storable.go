package message

import (
	"context"
	"slices"

	"github.com/waystation/waystation/bridge/wa"
)

// notStorable are the kinds of content that depend on another message or consist of several messages.
var notStorable = []string{TypeSystem, typeAlbum}

// localKinds are the kinds that are built without files and without a connection.
var localKinds = []string{TypeText, typeLocation, typePoll, typeEvent, typeList}

// mediaKinds are the kinds that need a file.
var mediaKinds = []string{TypeImage, TypeVideo, TypeAudio, TypeDocument, typeFile, TypeSticker}

// CheckStorable returns an *wa.Error if the content cannot be stored and sent later. It finds the mistakes that need
// neither a file nor a connection; others are found when the message is sent.
func (c *Content) CheckStorable() error {
	switch {
	case builders[c.Type] == nil:
		return wa.BadParam("type", "is not a kind of message that can be sent")
	case c.IsAct() || slices.Contains(notStorable, c.Type) || c.HasAlbumItems():
		return wa.BadParam("type", "is not a kind of message that can be sent later")
	case c.Target != nil:
		return wa.BadParam("target", "does not go with a message that is sent later")
	case c.ParentMessageID != "":
		return wa.BadParam("parent_message_id", "does not go with a message that is sent later")
	case slices.Contains(mediaKinds, c.Type) && c.Media == nil:
		return wa.BadParam("media", "is missing")
	case c.Type == typeContact && len(c.Contacts) == 0:
		return wa.BadParam("contacts", "is empty")
	case slices.Contains(localKinds, c.Type):
		local := *c
		local.LinkPreview, local.Preview = false, nil
		_, err := (&Builder{Content: &local}).Build(context.Background())
		return err
	}
	return nil
}
