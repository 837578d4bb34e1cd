package message

import (
	"context"
	"strconv"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/wa"
)

const (
	minAlbum = 2 // files of an album
	maxAlbum = 30
)

// album builds the message that announces the pictures and videos.
func (b *Builder) album(context.Context) (*waE2E.Message, error) {
	album := b.Content.Album
	switch {
	case album == nil:
		return nil, wa.BadParam("album", "is missing")
	case !wa.IsPerson(b.To) && b.To.Server != types.GroupServer:
		return nil, &wa.Error{Reason: wa.ReasonNotSupported, Field: "to", Message: "an album goes to a person or a group"}
	case album.Items == nil && album.ImageCount+album.VideoCount < minAlbum:
		return nil, wa.BadParam("album/image_count", "and video_count need at least %d files together", minAlbum)
	case album.Items != nil && (len(album.Items) < minAlbum || len(album.Items) > maxAlbum):
		return nil, wa.BadParam("album/items", "needs %d to %d pictures and videos", minAlbum, maxAlbum)
	}
	images, videos := album.ImageCount, album.VideoCount
	if album.Items != nil {
		images, videos = 0, 0
	}
	for i := range album.Items {
		switch album.Items[i].Type {
		case TypeImage:
			images++
		case TypeVideo:
			videos++
		default:
			return nil, wa.BadParam("album/items/"+strconv.Itoa(i)+"/type", "must be image or video")
		}
	}
	return &waE2E.Message{AlbumMessage: &waE2E.AlbumMessage{
		ExpectedImageCount: proto.Uint32(uint32(images)), ExpectedVideoCount: proto.Uint32(uint32(videos)),
	}}, nil
}

// BuildAlbumItems uploads the files of an album and returns their messages in the order of the items.
func (b *Builder) BuildAlbumItems(ctx context.Context, album types.MessageID) ([]*waE2E.Message, error) {
	items := b.Content.Album.Items
	built := make([]*waE2E.Message, len(items))
	for i := range items {
		item := &items[i]
		one := b.with(&Content{Type: item.Type, Media: item.Media, Caption: item.Caption, Thumbnail: item.Thumbnail})
		m, err := one.Build(ctx)
		if err != nil {
			return nil, wa.InField("album/items/"+strconv.Itoa(i), err)
		}
		built[i] = b.tie(m, album)
	}
	return built, nil
}

// inAlbum ties a picture or video to the album that the content names.
func (b *Builder) inAlbum(ctx context.Context, m *waE2E.Message) (*waE2E.Message, error) {
	if b.Content.ViewOnce {
		return nil, wa.BadParam("view_once", "does not go with an album")
	}
	own := true
	subject, err := b.FindSubject(ctx, &ActTarget{MessageID: b.Content.ParentMessageID, FromMe: &own})
	switch {
	case err != nil:
		return nil, renameField("parent_message_id", err)
	case !subject.Info.IsFromMe || subject.Content != nil && subject.Content.AlbumMessage == nil:
		return nil, wa.BadParam("parent_message_id", "is not an own album")
	}
	return b.tie(m, b.Content.ParentMessageID), nil
}

func (b *Builder) tie(m *waE2E.Message, album types.MessageID) *waE2E.Message {
	m.MessageContextInfo = &waE2E.MessageContextInfo{MessageAssociation: &waE2E.MessageAssociation{
		AssociationType: waE2E.MessageAssociation_MEDIA_ALBUM.Enum(), ParentMessageKey: b.Client.BuildMessageKey(b.To, types.EmptyJID, album),
	}}
	return m
}
