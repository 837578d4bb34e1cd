package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
)

// PackSticker is one sticker of a pack.
type PackSticker struct {
	WebP          []byte
	Width, Height int
	Emojis        []string
}

// StickerPack is a pack that clients fetch by its id, which messages with a sticker pack carry.
type StickerPack struct {
	ID, Name, Publisher, Description string
	Stickers                         []PackSticker
}

// AddStickerPack publishes a sticker pack; one with the same id is replaced. The error wraps ErrMediaTooLarge or
// ErrClosed; packs without id or stickers and more than Limits.StickerPacks packs are errors, too.
func (n *Network) AddStickerPack(pack StickerPack) error {
	if pack.ID == "" || len(pack.Stickers) == 0 {
		return errors.New("sandbox: a sticker pack needs an id and stickers")
	}
	published := types.StickerPack{StickerPackID: pack.ID, Name: pack.Name, Publisher: pack.Publisher, Description: pack.Description}
	size := 0
	for _, sticker := range pack.Stickers {
		file, err := n.media.upload(sticker.WebP, whatsmeow.MediaImage)
		if err != nil {
			return err
		}
		size += len(sticker.WebP)
		published.Stickers = append(published.Stickers, &types.StickerPackItem{
			MediaKey: file.MediaKey, EncFileHash: file.FileEncSHA256, FileHash: file.FileSHA256, DirectPath: file.DirectPath,
			URL: "https://" + mediaHostPrimary + file.DirectPath, FileSize: int64(file.FileLength), MimeType: "image/webp",
			Width: sticker.Width, Height: sticker.Height, Emojis: sticker.Emojis,
		})
	}
	published.FileSize = strconv.Itoa(size)
	encoded, err := json.Marshal([]types.StickerPack{published})
	if err != nil {
		return fmt.Errorf("sandbox: sticker pack: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return fmt.Errorf("sandbox: %w", ErrClosed)
	}
	if n.stickerPacks[pack.ID] == nil && len(n.stickerPacks) >= n.options.Limits.StickerPacks {
		return fmt.Errorf("sandbox: more than %d sticker packs", n.options.Limits.StickerPacks)
	}
	n.stickerPacks[pack.ID] = encoded
	return nil
}

// serveStickerPack answers GET /sticker?cat=sticker_pack_data&id=ID with a list of the one pack, empty if it is unknown.
func (n *Network) serveStickerPack(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if r.Method != http.MethodGet || r.URL.Path != "/sticker" || query.Get("cat") != "sticker_pack_data" {
		refuseHTTP(w, http.StatusNotFound)
		return
	}
	n.mu.Lock()
	encoded := n.stickerPacks[query.Get("id")]
	n.mu.Unlock()
	if encoded == nil {
		encoded = []byte("[]")
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(encoded)
}
