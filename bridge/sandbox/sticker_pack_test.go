package sandbox

import (
	"bytes"
	"errors"
	"testing"
)

func TestStickerPackIsFetched(t *testing.T) {
	w := newWorld(t, Options{Limits: Limits{StickerPacks: 2, Blob: 10_000}})
	a := w.pair(w.account("15550001", "Alice"))
	cat, dog := bytes.Repeat([]byte("cat"), 500), bytes.Repeat([]byte("dog"), 700)
	pack := StickerPack{ID: "pack-1", Name: "Pets", Publisher: "Example", Description: "cats & dogs", Stickers: []PackSticker{
		{WebP: cat, Width: 512, Height: 512, Emojis: []string{"🐈"}}, {WebP: dog, Width: 512, Height: 256, Emojis: []string{"🐕", "🐶"}},
	}}
	for _, id := range []string{"pack-1", "pack-2"} {
		pack.ID = id
		if err := w.net.AddStickerPack(pack); err != nil {
			t.Fatal(err)
		}
	}
	pack.ID = "pack-1"
	pack.Name = "Pets 2"
	if err := w.net.AddStickerPack(pack); err != nil {
		t.Errorf("replace: %v", err)
	}
	got, err := a.FetchStickerPack(w.ctx(), "pack-1")
	if err != nil {
		t.Fatal(err)
	}
	if got.StickerPackID != "pack-1" || got.Name != "Pets 2" || got.Publisher != "Example" || got.Description != "cats & dogs" || got.FileSize != "3600" || len(got.Stickers) != 2 {
		t.Errorf("pack %+v", got)
	}
	for i, want := range [][]byte{cat, dog} {
		item := got.Stickers[i]
		if file, err := a.Download(w.ctx(), item); err != nil || !bytes.Equal(file, want) {
			t.Errorf("sticker %d: %d bytes, %v", i, len(file), err)
		}
		if item.Width != 512 || len(item.Emojis) != i+1 || item.MimeType != "image/webp" || item.FileSize != int64(len(want)) {
			t.Errorf("sticker %d: %+v", i, item)
		}
	}
	if missing, err := a.FetchStickerPack(w.ctx(), "pack-3"); err == nil {
		t.Errorf("unknown pack: %+v", missing)
	}
	one := []PackSticker{{WebP: cat}}
	for name, bad := range map[string]StickerPack{
		"no id": {Stickers: one}, "no stickers": {ID: "pack-2"}, "one pack too many": {ID: "pack-3", Stickers: one},
	} {
		if err := w.net.AddStickerPack(bad); err == nil {
			t.Errorf("%s: added", name)
		}
	}
	if err := w.net.AddStickerPack(StickerPack{ID: "pack-2", Stickers: []PackSticker{{WebP: make([]byte, 20_000)}}}); !errors.Is(err, ErrMediaTooLarge) {
		t.Errorf("large sticker: %v", err)
	}
	w.net.Close()
	if err := w.net.AddStickerPack(pack); !errors.Is(err, ErrClosed) {
		t.Errorf("closed network: %v", err)
	}
}
