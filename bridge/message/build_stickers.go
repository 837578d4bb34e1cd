package message

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"github.com/waystation/waystation/bridge/media"
	"github.com/waystation/waystation/bridge/wa"
)

const (
	maxPackStickers = 30
	// maxPackedSticker bounds one sticker of a pack in bytes: the limit of WhatsApp's apps for animated ones.
	maxPackedSticker = 1 << 20
	// fetchPackTimeout bounds the query of a pack of WhatsApp's sticker store.
	fetchPackTimeout = 30 * time.Second
	stickerType      = "image/webp"
)

func (b *Builder) stickerPack(ctx context.Context) (*waE2E.Message, error) {
	pack := b.Content.StickerPack
	switch {
	case pack == nil:
		return nil, wa.BadParam("sticker_pack", "is missing")
	case !wa.IsPerson(b.To) && b.To.Server != types.GroupServer:
		return nil, &wa.Error{Reason: wa.ReasonNotSupported, Field: "to", Message: "a sticker pack goes to a person or a group"}
	case pack.Stickers == nil && pack.PackID == "":
		return nil, wa.BadParam("sticker_pack/stickers", "is missing, and so is pack_id")
	case pack.Stickers == nil:
		return b.storePack(ctx, pack.PackID)
	case len(pack.Stickers) == 0 || len(pack.Stickers) > maxPackStickers:
		return nil, wa.BadParam("sticker_pack/stickers", "needs 1 to %d stickers", maxPackStickers)
	case strings.TrimSpace(pack.Name) == "":
		return nil, wa.BadParam("sticker_pack/name", "is empty")
	}
	return b.ownPack(ctx, pack)
}

// storePack builds the message of a pack of WhatsApp's sticker store. The recipient's app fetches the stickers by the id of the pack.
func (b *Builder) storePack(ctx context.Context, id string) (*waE2E.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchPackTimeout)
	defer cancel()
	var pack *types.StickerPack
	err := wa.CatchPanic("fetch a sticker pack", func() (err error) {
		pack, err = b.Client.FetchStickerPack(ctx, url.QueryEscape(id)) // whatsmeow puts the id into an address as it is
		return err
	})
	switch {
	case err != nil && strings.Contains(err.Error(), "no sticker pack found"):
		return nil, &wa.Error{Reason: wa.ReasonNotFound, Field: "sticker_pack/pack_id", Message: "WhatsApp's sticker store has no such pack", Err: err}
	case err != nil:
		wa.LogPanic(b.Log, err)
		return nil, wa.NameField("sticker_pack/pack_id", wa.Wrap("fetch the sticker pack", err))
	}
	content := &waE2E.StickerPackMessage{
		StickerPackID: &id, Name: &pack.Name, Publisher: &pack.Publisher, PackDescription: wa.OrNull(pack.Description), Caption: wa.OrNull(b.Content.Caption),
		ImageDataHash: wa.OrNull(pack.ImageDataHash), StickerPackOrigin: waE2E.StickerPackMessage_FIRST_PARTY.Enum(),
	}
	if size, err := strconv.ParseUint(pack.FileSize, 10, 64); err == nil {
		content.StickerPackSize = &size
	}
	for _, sticker := range pack.Stickers {
		if sticker == nil {
			continue
		}
		content.Stickers = append(content.Stickers, &waE2E.StickerPackMessage_Sticker{
			FileName: proto.String(packedName(sticker.FileHash)), Emojis: sticker.Emojis, AccessibilityLabel: wa.OrNull(sticker.AccessibilityText),
			Mimetype: wa.OrNull(sticker.MimeType), IsAnimated: proto.Bool(pack.Animated == 1), IsLottie: proto.Bool(pack.Lottie == 1),
		})
	}
	return &waE2E.Message{StickerPackMessage: content}, nil
}

// ownPack uploads an archive with the stickers and builds its message.
func (b *Builder) ownPack(ctx context.Context, pack *StickerPack) (*waE2E.Message, error) {
	id := pack.PackID
	if id == "" {
		id = ulid.Make().String()
	}
	content := &waE2E.StickerPackMessage{
		StickerPackID: &id, Name: &pack.Name, Publisher: &pack.Publisher, PackDescription: wa.OrNull(pack.Description), Caption: wa.OrNull(b.Content.Caption),
		StickerPackOrigin: waE2E.StickerPackMessage_USER_CREATED.Enum(), TrayIconFileName: proto.String(id + ".webp"),
	}
	var archive bytes.Buffer
	files := zip.NewWriter(&archive)
	for i := range pack.Stickers {
		field := "sticker_pack/stickers/" + strconv.Itoa(i)
		sticker, file, err := b.packed(ctx, &pack.Stickers[i])
		if err != nil {
			return nil, wa.InField(field, err)
		}
		if slices.ContainsFunc(content.Stickers, func(s *waE2E.StickerPackMessage_Sticker) bool { return s.GetFileName() == sticker.GetFileName() }) {
			return nil, wa.BadParam(field+"/media", "is there twice")
		}
		content.Stickers = append(content.Stickers, sticker)
		if i == 0 { // the first sticker is the picture of the pack
			hash := sha256.Sum256(file)
			content.ImageDataHash = proto.String(base64.StdEncoding.EncodeToString(hash[:]))
			err = addFile(files, content.GetTrayIconFileName(), file)
		}
		if err == nil {
			err = addFile(files, sticker.GetFileName(), file)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := files.Close(); err != nil {
		return nil, err
	}
	up, err := b.Client.Upload(ctx, archive.Bytes(), whatsmeow.MediaStickerPack)
	if err != nil {
		return nil, uploadError("sticker_pack/stickers", err)
	}
	content.DirectPath, content.MediaKey, content.FileEncSHA256, content.FileSHA256 = &up.DirectPath, up.MediaKey, up.FileEncSHA256, up.FileSHA256
	content.FileLength, content.StickerPackSize, content.MediaKeyTimestamp = &up.FileLength, &up.FileLength, now()
	return &waE2E.Message{StickerPackMessage: content}, nil
}

// packed prepares a sticker of a pack and returns its entry and its file.
func (b *Builder) packed(ctx context.Context, sticker *PackSticker) (*waE2E.StickerPackMessage_Sticker, []byte, error) {
	if sticker.Media == nil {
		return nil, nil, wa.BadParam("media", "is missing")
	}
	prepared, err := b.Files.Prepare(ctx, b.Owner, sticker.Media.Input(), media.KindSticker)
	if err != nil {
		return nil, nil, MediaError("media", err)
	}
	defer prepared.Close()
	file, err := io.ReadAll(io.LimitReader(prepared.File, maxPackedSticker+1))
	if err != nil {
		return nil, nil, wa.StorageError("the sticker could not be read", err)
	}
	if len(file) > maxPackedSticker {
		return nil, nil, &wa.Error{Reason: wa.ReasonTooLarge, Field: "media", Message: "is larger than a sticker of a pack may be"}
	}
	hash := sha256.Sum256(file)
	return &waE2E.StickerPackMessage_Sticker{
		FileName: proto.String(packedName(hash[:])), Emojis: sticker.Emojis, AccessibilityLabel: wa.OrNull(sticker.Label), Mimetype: proto.String(stickerType),
		IsAnimated: proto.Bool(prepared.Animated), IsLottie: proto.Bool(false),
	}, file, nil
}

// packedName is the name of a sticker in the archive of a pack. An address-safe alphabet keeps slashes out of it.
func packedName(hash []byte) string { return base64.URLEncoding.EncodeToString(hash) + ".webp" }

// addFile adds a file to an archive without compression, which stickers have already.
func addFile(archive *zip.Writer, name string, file []byte) error {
	w, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err == nil {
		_, err = w.Write(file)
	}
	return err
}
